import { findCheckpoint } from "@vitrine/checkpoint/node"
import type { PullProgress } from "vitrine"
import { shippedModel } from "./shipped.ts"
import { UsageError } from "./errors.ts"
import { errorColors, note, statusLine } from "./output.ts"
import { bytes, duration, percent, printable } from "./show/text.ts"

/** A model on this machine. */
export interface LocalModel {
  /** The model's name for the library: a path, or the name of a hub model with its commit. */
  readonly name: string
  readonly path: string
}

/**
 * Finds a model on this machine. A hub model, `hf:owner/name`, is fetched first. `vitrine:name` came with the command.
 * @param checkpoint the checkpoint of a run; by default the model that the run publishes
 */
export async function localModel(model: string, checkpoint?: "last" | "best" | number): Promise<LocalModel> {
  const shipped = shippedModel(model)
  if (checkpoint !== undefined) {
    if (shipped !== null) throw new UsageError(`--checkpoint is for run folders, and ${model} came with the command`)
    if (model.startsWith("hf:")) throw new UsageError(`--checkpoint is for run folders, and ${model} is of the hub`)
    const { path } = await findCheckpoint(model, checkpoint)
    return { name: path, path }
  }
  if (shipped !== null) return { name: shipped, path: shipped }
  return model.startsWith("hf:") ? fetchModel(model) : { name: model, path: model }
}

/** Fetches a hub model, and shows the progress. */
export async function fetchModel(name: string): Promise<LocalModel & { commit: string; fetched: number }> {
  const { pull } = await import("vitrine")
  const line = statusLine()
  const show = downloadLine(name, line.update)
  try {
    const model = await pull(name, { onProgress: show })
    line.clear()
    if (model.unreached !== null) note(errorColors.yellow(`${printable(model.unreached)}; using what the cache has`))
    return model
  } finally {
    line.clear()
  }
}

const cells = 20

/** Shows a download: one line at the beginning, then a status line. */
function downloadLine(model: string, update: (text: string) => void): (progress: PullProgress) => void {
  const { green, dim, bold } = errorColors
  let first: { readonly at: number; readonly bytes: number } | undefined
  let drawn = Number.NEGATIVE_INFINITY
  return ({ file, bytes: have, total }) => {
    const now = performance.now()
    if (first === undefined) {
      first = { at: now, bytes: have }
      const rest = have === 0 ? "" : `, ${bytes(have)} of it there from an earlier try`
      note(bold(`Fetching ${printable(model)}`) + dim(` (${bytes(total)}${rest})`))
    }
    if (now - drawn < 100) return
    drawn = now
    const rate = (have - first.bytes) / ((now - first.at) / 1000)
    const full = Math.floor((cells * have) / total)
    const parts = [
      percent(have / total, 0),
      `${bytes(have)} of ${bytes(total)}`,
      ...(rate > 0 ? [`${bytes(rate)}/s`, `${duration((total - have) / rate)} left`] : []),
      printable(file),
    ]
    update(`  ${green("━".repeat(full))}${dim("━".repeat(cells - full))} ${parts.join(dim(" · "))}`)
  }
}

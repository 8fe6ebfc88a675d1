import type { PullProgress } from "vitrine"
import { errorColors, note, statusLine } from "./output.ts"
import { bytes, duration, percent } from "./show/text.ts"

/** A model by what the user named it and where it lies. */
export interface LocalModel {
  /** What the library takes: a path, or for a model of the hub its name with the commit. */
  readonly name: string
  readonly path: string
}

/** Sees to it that a model which is named as the hub's, `hf:owner/name`, is on this machine, and shows how it gets there. */
export async function localModel(given: string): Promise<LocalModel> {
  return given.startsWith("hf:") ? fetchModel(given) : { name: given, path: given }
}

export async function fetchModel(given: string): Promise<LocalModel & { commit: string; fetched: number }> {
  const { pull } = await import("vitrine")
  const line = statusLine()
  const show = downloadLine(given, line.update)
  try {
    const pulled = await pull(given, { onProgress: show })
    line.clear()
    if (pulled.unreached !== null) note(errorColors.yellow(`${pulled.unreached}; using what the cache has`))
    return pulled
  } finally {
    line.clear()
  }
}

const cells = 20

/** What a line says of a download that is under way: once where lines cannot be written again. */
function downloadLine(model: string, update: (text: string) => void): (progress: PullProgress) => void {
  const { green, dim, bold } = errorColors
  let first: { readonly at: number; readonly bytes: number } | undefined
  let drawn = Number.NEGATIVE_INFINITY
  return ({ file, bytes: have, total }) => {
    const now = performance.now()
    if (first === undefined) {
      first = { at: now, bytes: have }
      const rest = have === 0 ? "" : `, ${bytes(have)} of it there from an earlier try`
      note(bold(`Fetching ${model}`) + dim(` (${bytes(total)}${rest})`))
    }
    if (now - drawn < 100) return
    drawn = now
    const rate = (have - first.bytes) / ((now - first.at) / 1000)
    const full = Math.floor((cells * have) / total)
    const figures = [
      percent(have / total, 0),
      `${bytes(have)} of ${bytes(total)}`,
      ...(rate > 0 ? [`${bytes(rate)}/s`, `${duration((total - have) / rate)} left`] : []),
      file,
    ]
    update(`  ${green("━".repeat(full))}${dim("━".repeat(cells - full))} ${figures.join(dim(" · "))}`)
  }
}

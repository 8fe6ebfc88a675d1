import { availableParallelism, cpus, freemem, release, totalmem, type } from "node:os"
import { graph, ops, VitrineError } from "@vitrine/core"
import type { BackendFactory, ChosenBackend } from "vitrine"
import { backends, choose } from "../backends.ts"
import { defineCommand } from "../command.ts"
import { jsonFlag } from "../flags/model.ts"
import { messageOf } from "../errors.ts"
import { colors, print } from "../output.ts"
import { bytes, printable } from "../show/text.ts"

interface BackendReport {
  readonly name: string
  readonly works: boolean
  /** The device that it runs on, or the reason why it does not run. */
  readonly detail: string
  /** Seconds from the start to the first result. */
  readonly seconds?: number
  /** The report of its device, if the backend has one. */
  readonly device?: object
}

export const doctor = defineCommand({
  flags: jsonFlag,
  examples: [["vitrine doctor", ""]],
  run: (_, { json }) => report(json === true),
})

/** Reports on which backends this machine can run, and what is missing. */
async function report(json: boolean): Promise<void> {
  const reports: BackendReport[] = []
  await withoutOneDnn(async () => {
    for (const [name, factory] of Object.entries(backends)) reports.push(await examine(name, factory))
  })
  const { auto, passedOver } = await automatic()
  const machine = {
    node: process.version,
    system: `${type()} ${release()}, ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memory: { total: totalmem(), free: freemem() },
    backends: reports,
    auto,
    images: await sharpReport(),
  }
  if (json) return print(JSON.stringify(machine))
  const { bold, dim, green, red } = colors
  const sign = (works: boolean): string => (works ? green("✓") : red("✗"))
  const field = (name: string, text: string): void => print(`  ${dim(name.padEnd(9))} ${text}`)
  print(bold("This machine"))
  field("node", machine.node)
  field("system", machine.system)
  field("processor", `${machine.cpu}, ${machine.cores} cores to use`)
  field("memory", `${bytes(machine.memory.total)}, ${bytes(machine.memory.free)} free`)
  print(bold("\nBackends"))
  for (const { name, works, detail, seconds, device } of reports) {
    const time = seconds === undefined ? "" : dim(` (${seconds.toFixed(2)} s to start)`)
    print(`  ${sign(works)} ${name.padEnd(9)} ${printable(detail)}${time}`)
    for (const line of deviceLines(device)) print(dim(`              ${printable(line)}`))
  }
  print(auto === null ? red("  auto finds none") : `  auto takes ${bold(auto)}`)
  for (const { name, reason } of passedOver) print(dim(`    and passes over ${name}: ${printable(reason)}`))
  print(bold("\nImages"))
  print(`  ${sign(machine.images.works)} sharp     ${printable(machine.images.detail)}`)
}

/**
 * Runs an action in which TensorFlow loads without oneDNN. With it, TensorFlow writes two lines to standard error, whatever
 * its level of logs is.
 */
async function withoutOneDnn(action: () => Promise<void>): Promise<void> {
  const { TF_ENABLE_ONEDNN_OPTS: setting } = process.env
  process.env.TF_ENABLE_ONEDNN_OPTS ??= "0"
  try {
    await action()
  } finally {
    if (setting === undefined) delete process.env.TF_ENABLE_ONEDNN_OPTS
  }
}

/** Starts a backend and adds two numbers on it. */
async function examine(name: string, factory: BackendFactory): Promise<BackendReport> {
  const begun = performance.now()
  try {
    const backend = await factory({ worker: false })
    try {
      const program = await backend.compile(graph({ outputs: { sum: ops.add(ops.input("a", [1]), 1) } }))
      const { sum } = await program.run({ a: Float32Array.of(1) })
      await program.dispose()
      if (sum?.data[0] !== 2) return { name, works: false, detail: `computes 1 + 1 = ${sum?.data[0]}` }
      const seconds = (performance.now() - begun) / 1000
      const report = "report" in backend && typeof backend.report === "object" ? backend.report : null
      return { name, works: true, detail: backend.device, seconds, ...(report && { device: report }) }
    } finally {
      await backend.close()
    }
  } catch (error) {
    if (!VitrineError.isInstance(error) && !(error instanceof Error)) throw error
    return { name, works: false, detail: error.message.replace(/\n[^]*/, "") }
  }
}

/** The backend that `auto` chooses, and those that it passes over. */
async function automatic(): Promise<{ auto: string | null; passedOver: ChosenBackend["passedOver"] }> {
  try {
    const { backend, passedOver } = await choose("auto", { worker: false })
    await backend.close()
    return { auto: backend.name, passedOver }
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    return { auto: null, passedOver: [{ name: "all", reason: error.message }] }
  }
}

/** A line for each property of a device. */
function deviceLines(device: BackendReport["device"]): string[] {
  return Object.entries(device ?? {}).map(([name, value]) => {
    if (typeof value !== "object" || value === null) return `${name}: ${String(value)}`
    const parts = Array.isArray(value) ? value.map(String) : Object.entries(value).map(([k, v]) => `${k} ${String(v)}`)
    return `${name}: ${parts.join(", ") || "none"}`
  })
}

async function sharpReport(): Promise<{ works: boolean; detail: string }> {
  try {
    const { default: sharp } = await import("sharp")
    return { works: true, detail: `${sharp.versions.sharp}: JPEG, PNG, WebP, GIF, TIFF, BMP and AVIF` }
  } catch (error) {
    const [why] = messageOf(error).trim().split("\n")
    return { works: false, detail: `cannot be loaded (${why}): npm install sharp` }
  }
}

import {
  type AddonName,
  findAddon,
  planSetup,
  setup as build,
  setupFolder,
  type SetupProgress,
} from "@vitrine/backend-node-gpu"
import { defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import type { Flags, Values } from "../flags/flag.ts"
import { jsonFlag } from "../flags/model.ts"
import { colors, currentIo, note, print, self, statusLine } from "../output.ts"
import { bytes, duration, printable, table } from "../show/text.ts"

const flags = {
  dryRun: { help: "only say what would be fetched, and how large it is" },
  force: { help: "build again, though it is there" },
  ...jsonFlag,
} as const satisfies Flags

type SetupValues = Values<typeof flags>

const { bold, dim } = colors

export const setup = defineCommand({
  arguments: [["<what>", "node-cpu, or node-gpu for CUDA"]],
  flags,
  examples: [
    ["vitrine setup node-cpu", "0.3 GB to fetch; then --backend node-cpu works"],
    ["vitrine setup node-gpu --dry-run", ""],
  ],
  async run([what], values) {
    if (what !== "node-cpu" && what !== "node-gpu")
      throw new UsageError(`there is nothing to set up for "${what}": choose node-cpu or node-gpu`)
    await (values.dryRun ? plan(what, values) : run(what, values))
  },
})

async function plan(name: AddonName, { json }: SetupValues): Promise<void> {
  const { downloads, peakBytes } = await planSetup(name)
  const folder = setupFolder(name)
  const total = downloads.reduce((sum, { size }) => sum + size, 0)
  if (json) {
    // The other parts of an address may hold the password of a private index.
    const files = downloads.map(({ url, ...file }) => ({ ...file, url: new URL(url).origin + new URL(url).pathname }))
    return print(JSON.stringify({ name, folder, downloads: files, totalBytes: total, peakBytes }))
  }
  const rows = downloads.map((file) => [printable(file.name), bytes(file.size)])
  print(table([...rows, [bold("to fetch"), bold(bytes(total))], ["room needed at the most", bytes(peakBytes)]], [1]))
  print(dim(`\ninto ${printable(folder)}`))
  const addon = findAddon(name)
  if (typeof addon !== "string") print(dim(`There is one already: ${printable(addon.path)}`))
}

const steps: Readonly<Record<Extract<SetupProgress, { type: "step" }>["step"], string>> = {
  check: "asking the Python index",
  sources: "fetching the addon's sources",
  unpack: "unpacking",
  compile: "compiling",
  test: "trying it",
}

async function run(name: AddonName, { force, json }: SetupValues): Promise<void> {
  const line = statusLine()
  const interrupted = new AbortController()
  const stop = (): void => interrupted.abort()
  process.once("SIGINT", stop)
  let started: { readonly at: number; readonly done: number } | undefined
  let tenths = 0
  const onProgress = (progress: SetupProgress): void => {
    if (progress.type === "step") {
      line.clear()
      return note(`  ${steps[progress.step]} …`)
    }
    const { done, total } = progress
    const now = performance.now()
    started ??= { at: now, done }
    const rate = (done - started.done) / Math.max(1, now - started.at)
    const left = rate > 0 ? ` · ${duration((total - done) / rate / 1000)} left` : ""
    const text = `  fetching ${bytes(done)} of ${bytes(total)} · ${bytes(rate * 1000)}/s${left}`
    line.update(text)
    if (currentIo().stderr.isTTY !== true && done >= (tenths * total) / 10) {
      while (done >= (tenths * total) / 10) tenths++
      note(text)
    }
  }
  try {
    const addon = await build(name, { force: force === true, onProgress, signal: interrupted.signal })
    line.clear()
    if (json) print(JSON.stringify(addon))
    else print(`${name} is ready: ${self} train --backend ${name} …\n${dim(printable(addon.path))}`)
  } catch (error) {
    if (interrupted.signal.aborted) throw new UsageError(`stopped; ${self} setup ${name} goes on where this ended`)
    throw error
  } finally {
    line.clear()
    process.removeListener("SIGINT", stop)
  }
}

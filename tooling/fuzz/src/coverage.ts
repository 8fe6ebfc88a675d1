import { readFileSync } from "node:fs"
import { Session } from "node:inspector/promises"
import { fileURLToPath } from "node:url"

/** How much of the code of some files was run: blocks of V8, which are the branches of functions. */
export interface Coverage {
  /** The share of the code, by characters, in blocks that ran. */
  readonly share: number
  /** The lines where blocks begin that never ran. */
  readonly missed: readonly string[]
}

/** Counts the blocks that run during `action`. Code that ran earlier counts too. */
export async function covering(files: readonly string[], action: () => Promise<void>): Promise<Coverage> {
  const session = new Session()
  session.connect()
  try {
    await session.post("Profiler.enable")
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
    await action()
    const { result } = await session.post("Profiler.takePreciseCoverage")
    return coverageOf(result, files)
  } finally {
    session.disconnect()
  }
}

interface Script {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly Range[] }[]
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

/** The built file for a name such as `checkpoint/node/metrics`. */
const isOf = (url: string, file: string): boolean => {
  const [name = "", ...path] = file.split("/")
  return url.includes(`/${name}/dist/${path.join("/")}`)
}

function coverageOf(scripts: readonly Script[], files: readonly string[]): Coverage {
  let [all, run] = [0, 0]
  const missed: string[] = []
  for (const { url, functions } of scripts) {
    if (!url.startsWith("file:") || !files.some((file) => isOf(url, file))) continue
    const source = readFileSync(fileURLToPath(url), "utf8")
    const counts = new Uint8Array(source.length).fill(1)
    // Inner blocks follow the blocks that contain them.
    for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges))
      counts.fill(count > 0 ? 1 : 0, startOffset, endOffset)
    all += counts.length
    run += counts.reduce((sum, each) => sum + each, 0)
    for (const start of startsOfGaps(counts))
      missed.push(`${url.slice(url.lastIndexOf("/packages/") + 10)}:${source.slice(0, start).split("\n").length}`)
  }
  return { share: all === 0 ? Number.NaN : run / all, missed }
}

const startsOfGaps = (counts: Uint8Array): number[] =>
  Array.from(counts.keys()).filter((at) => counts[at] === 0 && counts[at - 1] !== 0)

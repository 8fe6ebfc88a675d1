// Fuzzes every parser: node tooling/fuzz/dist/main.js [--seed N] [--count N] [--start N] [--target NAME] [--keep FOLDER]
// [--coverage] [--record FILE | --against FILE]. Each parser gets its share of `count` inputs: 100,000 make ten million in all. `record` writes digests of
// what is read, `against` compares them with those of another version.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { covering } from "./coverage.ts"
import { digests, type FuzzReport, fuzz } from "./fuzz.ts"
import { targets } from "./targets.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    start: { type: "string", default: "0" },
    count: { type: "string", default: "10000" },
    target: { type: "string", multiple: true },
    keep: { type: "string" },
    coverage: { type: "boolean", default: false },
    record: { type: "string" },
    against: { type: "string" },
  },
})
const selected = targets.filter(({ name }) => values.target === undefined || values.target.includes(name))

type Digests = Record<string, Record<number, string | null>>

/** Compares what two versions read. Returns the number of inputs that they read differently. */
function compare(before: Digests, now: Digests): number {
  let different = 0
  for (const [name, parser] of Object.entries(now)) {
    const pairs = Object.entries(before[name] ?? {}).map(
      ([index, old]) => [old, parser[Number(index)] ?? null] as const,
    )
    const valid = pairs.filter(([old]) => old !== null)
    const refused = valid.filter(([, digest]) => digest === null).length
    const others = valid.filter(([old, digest]) => digest !== null && digest !== old).length
    different += others
    console.log(
      `${name.padEnd(20)} ${pairs.length} inputs, ${valid.length} read before: ${valid.length - refused - others} to the same, ${others} to others, ${refused} now refused`,
    )
  }
  return different
}

if (values.record !== undefined || values.against !== undefined) {
  const all: Digests = {}
  for (const target of selected)
    all[target.name] = await digests(target, {
      seed: Number(values.seed),
      start: Number(values.start),
      count: Number(values.count),
    })
  if (values.record !== undefined) writeFileSync(values.record, JSON.stringify(all))
  const before: Digests | undefined =
    values.against === undefined ? undefined : JSON.parse(readFileSync(values.against, "utf8"))
  process.exit(before !== undefined && compare(before, all) > 0 ? 1 : 0)
}

let [inputs, faults] = [0, 0]
for (const target of selected) {
  const begin = performance.now()
  const options = { seed: Number(values.seed), start: Number(values.start), count: target.share * Number(values.count) }
  let report: FuzzReport = {
    inputs: 0,
    read: 0,
    refused: 0,
    faults: [],
    worst: { milliseconds: 0, mebibytes: 0 },
  }
  const inputsOf = async (): Promise<void> => {
    report = await fuzz(target, options)
  }
  let covered = ""
  if (values.coverage) {
    const { share, missed } = await covering(target.covers, inputsOf)
    covered = `, ${(100 * share).toFixed(1)} % of its code; never run: ${missed.slice(0, 12).join(" ") || "nothing"}`
  } else await inputsOf()
  inputs += report.inputs
  faults += report.faults.length
  const seconds = (performance.now() - begin) / 1000
  const { milliseconds, mebibytes } = report.worst
  const worst = `at most ${milliseconds.toFixed(0)} ms and ${mebibytes.toFixed(0)} MiB`
  console.log(
    `${target.name.padEnd(20)} ${report.inputs} inputs, ${report.read} read, ${report.refused} refused, ${report.faults.length} faults in ${seconds.toFixed(0)} s, ${worst}${covered}`,
  )
  for (const { index, fault } of report.faults.slice(0, 5)) console.log(`  input ${index} ${fault}`)
  if (values.keep === undefined) continue
  mkdirSync(join(values.keep, target.name), { recursive: true })
  for (const { index, bytes } of report.faults) writeFileSync(join(values.keep, target.name, String(index)), bytes)
}
console.log(`${inputs} inputs by seed ${values.seed}, ${faults} faults`)
process.exitCode = faults > 0 ? 1 : 0

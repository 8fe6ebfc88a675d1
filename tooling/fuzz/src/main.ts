// Fuzzes every parser: node tooling/fuzz/dist/main.js [--seed N] [--count N] [--start N] [--target NAME] [--keep FOLDER]
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { fuzz } from "./fuzz.ts"
import { targets } from "./targets.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    start: { type: "string", default: "0" },
    count: { type: "string", default: "10000" },
    target: { type: "string", multiple: true },
    keep: { type: "string" },
  },
})
const selected = targets.filter(({ name }) => values.target === undefined || values.target.includes(name))
let [inputs, faults] = [0, 0]
for (const target of selected) {
  const begin = performance.now()
  const report = await fuzz(target, {
    seed: Number(values.seed),
    start: Number(values.start),
    count: Number(values.count),
  })
  inputs += report.inputs
  faults += report.faults.length
  const rate = (report.inputs / ((performance.now() - begin) / 1000)).toFixed(0)
  console.log(
    `${target.name.padEnd(20)} ${report.inputs} inputs, ${report.read} read, ${report.refused} refused, ${report.faults.length} faults, ${rate} a second`,
  )
  for (const { index, fault } of report.faults.slice(0, 5)) console.log(`  input ${index} ${fault}`)
  if (values.keep === undefined) continue
  mkdirSync(join(values.keep, target.name), { recursive: true })
  for (const { index, bytes } of report.faults) writeFileSync(join(values.keep, target.name, String(index)), bytes)
}
console.log(`${inputs} inputs by seed ${values.seed}, ${faults} faults`)
process.exitCode = faults > 0 ? 1 : 0

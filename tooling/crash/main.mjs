// Tests faults at the writes of every command: node tooling/crash/main.mjs [--count N] [--scenario NAME] [--strace]
// [--verbose], after a build. With --strace the faults are at system calls.
import { parseArgs } from "node:util"
import { crash } from "./crash.mjs"
import { scenarios } from "./scenarios.mjs"
import { straceFault } from "./strace.mjs"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "250" },
    scenario: { type: "string", multiple: true },
    strace: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
})
const missing = values.strace ? straceFault() : null
if (missing !== null) {
  console.error(missing)
  process.exit(1)
}
let faults = 0
for (const { name } of scenarios.filter(({ name }) => values.scenario?.includes(name) ?? true)) {
  const report = await crash({
    name,
    count: Number(values.count),
    strace: values.strace,
    ...(values.verbose && { onTrial: console.log }),
  })
  faults += report.faults.length
  console.log(`${name}: ${report.trials} faults at ${report.operations} operations, ${report.faults.length} wrong`)
  for (const fault of report.faults) console.log(`  ${fault}`)
}
process.exitCode = faults > 0 ? 1 : 0

// A contender answers on its standard output: `ready`, then for every line `N` on its input the times of N calls.
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"

const memory = (field) =>
  Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024)
export const peakMiB = () => memory("VmHWM")

/** The memory of the process before it loads an engine. */
const baseMiB = memory("VmRSS")

export async function answer(check, call, end = async () => {}) {
  const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
  say({ ready: true, check, baseMiB, ms: Math.round(process.uptime() * 1000) })
  for await (const line of createInterface({ input: process.stdin })) {
    const times = []
    const cpu = []
    for (let i = 0; i < Number(line); i++) {
      const start = performance.now()
      const used = process.cpuUsage()
      await call()
      times.push(performance.now() - start)
      const { user, system } = process.cpuUsage(used)
      cpu.push((user + system) / 1000)
    }
    say({ times, cpu, peakMiB: peakMiB() })
  }
  await end()
  process.exit(0)
}

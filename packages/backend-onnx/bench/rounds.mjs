// Contenders in interleaved rounds. Told are medians, of the time that passed and of the CPU time, since neighbours on the
// machine take their share of the former.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]

function contender([command, ...args]) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value)
  return {
    ready: next,
    run: (n) => {
      child.stdin.write(`${n}\n`)
      return next()
    },
    end: () => child.stdin.end(),
  }
}

/**
 * Training steps of `torch` and others, whose first losses must agree.
 * @param commands by name, what starts a contender that answers as contender.mjs does; one of them is `torch`
 */
export async function compareSteps(title, commands, rounds) {
  const field = Object.fromEntries(Object.entries(commands).map(([who, command]) => [who, contender(command)]))
  const checks = {}
  for (const [who, { ready }] of Object.entries(field)) checks[who] = (await ready()).check
  const times = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const cpu = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const peak = {}
  for (let round = -1; round < rounds; round++)
    for (const [who, { run }] of Object.entries(field)) {
      const result = await run(Math.max(1, Math.min(10, Math.round(500 / (times[who][0] ?? 500)))))
      if (round < 0) continue
      times[who].push(median(result.times))
      cpu[who].push(median(result.cpu))
      peak[who] = result.peakMiB
    }
  for (const { end } of Object.values(field)) end()
  console.log(title)
  for (const who of Object.keys(field)) {
    const ratio = (of) => median(of[who].map((ms, i) => ms / of.torch[i])).toFixed(2)
    const check = checks[who].map((loss) => loss.toFixed(5)).join(" ")
    console.log(
      `  ${who.padEnd(8)} ${median(times[who]).toFixed(0)} ms, ${ratio(times)} × torch; ` +
        `CPU ${median(cpu[who]).toFixed(0)} ms, ${ratio(cpu)} ×; peak ${peak[who]} MiB, losses ${check}`,
    )
    const apart = Math.max(...checks[who].map((loss, i) => Math.abs(loss / checks.torch[i] - 1)))
    // Where a value before ReLU is 0 but for rounding, gradients part.
    if (!(apart < 1e-2)) throw new Error(`${title}: the losses of ${who} and torch are ${apart} apart`)
  }
}

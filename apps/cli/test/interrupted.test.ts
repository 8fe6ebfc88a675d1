import { execFileSync } from "node:child_process"
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { readMetrics } from "@vitrine/checkpoint/node"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { expectFault, temporaryFolder, tinyData, tinyModel, vitrine, vitrineProcess } from "./vitrine.ts"

const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const at = (name: string): string => join(folder, name)
const steps = 100
const args = [
  "train",
  "--data",
  data,
  ...tinyModel,
  "--steps",
  String(steps),
  "--eval-every",
  "20",
  "--checkpoint-every",
  "10",
]

beforeAll(async () => {
  expect((await vitrine([...args, "--out", at("whole")])).code).toBe(0)
})

/** Everything that must not depend on whether a run was interrupted. */
async function outcome(run: string): Promise<unknown> {
  const events = await readMetrics(join(run, "metrics.jsonl"))
  const last = join(run, "checkpoints", `step-${String(steps).padStart(8, "0")}`)
  return {
    model: readFileSync(join(run, "model.safetensors")).toString("base64"),
    training: readFileSync(join(last, "training.safetensors")).toString("base64"),
    metrics: events.map(({ type, step, loss, top1 }) => [type, step, loss, top1]),
  }
}

test("a whole run has each step once", async () => {
  const events = await readMetrics(join(at("whole"), "metrics.jsonl"))
  const taken = events.filter(({ type }) => type === "step").map(({ step }) => step)
  expect(taken).toEqual(Array.from({ length: steps }, (_, i) => i + 1))
})

// VITRINE_KILLS=20 npx vitest run test/interrupted.test.ts
const kills = Number(process.env.VITRINE_KILLS ?? 2)
test(`killed at ${kills} random moments and resumed, a run ends with the same bytes`, {
  timeout: 60_000 + 5_000 * kills,
}, async () => {
  const run = at("killed")
  for (let n = 0; n < kills; n++) expect(await interrupt(run, n % 2 === 1)).toBe("SIGKILL")
  const { code, stderr } = await vitrine(["train", "--resume", run])
  expect(`${code} ${stderr}`).toMatch(/^0 Resuming at step/)
  expect(await outcome(run)).toEqual(await outcome(at("whole")))
  expect(readdirSync(run).filter((name) => name.startsWith("."))).toEqual([])
})

/** Goes on with a run, or begins it, and kills it: while it trains and saves, or at any moment, its start included. */
async function interrupt(run: string, anywhere: boolean): Promise<NodeJS.Signals | null> {
  const begun = existsSync(join(run, "config.json"))
  // The first kill comes after the first checkpoint, so that there is something to go on from.
  const taken = (begun ? 0 : 11) + Math.floor((Math.random() * steps) / (kills + 1))
  let armed = false
  const { signal } = await vitrineProcess(
    [...(begun ? ["train", "--resume", run] : [...args, "--out", run]), "--json"],
    {
      watch: (child, stdout) => {
        if (armed || (!anywhere && stdout.split('"type":"step"').length <= taken)) return
        armed = true
        setTimeout(() => child.kill("SIGKILL"), Math.random() * (anywhere ? 300 : 5))
      },
    },
  )
  return signal
}

test.each([["SIGINT"], ["SIGTERM", "SIGHUP", "SIGTERM", "SIGHUP", "SIGINT"]] as const)(
  "%s saves, says how to resume and ends with 130, whatever follows",
  async (name, ...more) => {
    const run = at(`ended by ${name}`)
    let sent = false
    const result = await vitrineProcess([...args, "--out", run, "--json"], {
      watch: (child, stdout) => {
        if (sent || !stdout.includes('"step":33')) return
        sent = true
        for (const each of [name, ...more]) child.kill(each)
      },
    })
    expect(result.code).toBe(130)
    expect(result.stderr).toContain(`vitrine train --resume '${run}'`)
    const events = result.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    const { step } = events.at(-1)
    expect(events.at(-1)).toMatchObject({ type: "end", finished: false })
    expect(events.at(-2)).toMatchObject({ type: "checkpoint", step })
    expect(step).toBeGreaterThanOrEqual(33)
    expect(step).toBeLessThan(steps)
    const resumed = await vitrine(["train", "--resume", run], { cwd: "/" })
    expect(`${resumed.code} ${resumed.stderr}`).toContain(`0 Resuming at step ${step}`)
    expect(await outcome(run)).toEqual(await outcome(at("whole")))
  },
)

test("a second SIGINT ends at once", async () => {
  const result = await vitrineProcess([...args, "--steps", "100000", "--out", at("twice"), "--json"], {
    watch: (child, stdout) => {
      if (!stdout.includes('"type":"step"')) return
      child.kill("SIGINT")
      child.kill("SIGINT")
    },
  })
  // Where the next signal comes while the process ends, it ends by that, which shells call 130 too.
  expect(result.signal === "SIGINT" ? 130 : result.code).toBe(130)
})

test("a finished run has nothing left to resume", async () => {
  const before = await outcome(at("whole"))
  const { code } = await vitrine(["train", "--resume", at("whole")])
  expect(code).toBe(0)
  expect(await outcome(at("whole"))).toEqual(before)
})

test("a run that another process writes is left alone", async () => {
  const run = at("locked")
  let second: ReturnType<typeof vitrine> | undefined
  await vitrineProcess([...args, "--steps", "100000", "--out", run, "--json"], {
    watch: (child, stdout) => {
      if (second !== undefined || !stdout.includes('"type":"step"')) return
      second = vitrine(["train", "--resume", run])
      void second.then(() => child.kill("SIGKILL"))
    },
  })
  expectFault(await (second as ReturnType<typeof vitrine>), /run\.lock: process \d+ is writing this run/)
})

describe("a folder", () => {
  test.skipIf(process.getuid?.() === 0)("that cannot be written is one line (root writes anywhere)", async () => {
    mkdirSync(at("sealed"))
    chmodSync(at("sealed"), 0o500)
    expectFault(await vitrine([...args, "--out", at("sealed/run")]), /sealed.*permission denied/)
  })

  test("in a place where nothing can be made is one line", async () => {
    expectFault(
      await vitrine([...args, "--out", "/proc/vitrine/run", "--json"]),
      /\/proc\/vitrine.*cannot create the run/,
    )
  })

  test("whose parent is a file is one line", async () => {
    const file = join(data, "val-labels-idx1-ubyte.gz")
    expectFault(await vitrine([...args, "--out", join(file, "run"), "--json"]), /cannot create the run/)
  })

  const disk = at("disk")
  mkdirSync(disk)
  const mounted = mount(disk)
  afterAll(() => {
    if (mounted) execFileSync("umount", [disk])
  })
  test.skipIf(!mounted)("on a full disk keeps the last checkpoint (needs to mount a tmpfs)", async () => {
    const run = join(disk, "run")
    const limited = [...args, "--checkpoint-every", "2", "--keep-last", "50", "--out", run, "--json"]
    const { code, stdout, stderr } = await vitrine(limited)
    expect(stderr).toMatch(/^vitrine: .*disk is full\n$/)
    expect(code).toBe(1)
    const saved = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === "checkpoint")
    expect(saved.length).toBeGreaterThan(0)
    const rescued = at("rescued")
    cpSync(run, rescued, { recursive: true })
    const resumed = await vitrine(["train", "--resume", rescued, "--keep-last", "2", "--checkpoint-every", "10"])
    expect(`${resumed.code} ${resumed.stderr}`).toContain(`0 Resuming at step ${saved.at(-1).step}`)
    const { metrics } = (await outcome(rescued)) as { metrics: unknown }
    expect(metrics).toEqual(((await outcome(at("whole"))) as { metrics: unknown }).metrics)
  })
})

function mount(path: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

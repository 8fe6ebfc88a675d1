import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { on, once } from "node:events"
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  statSync,
  utimesSync,
} from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { readSafetensors, type StoredTensor } from "../src/index.ts"
import {
  createRun,
  findCheckpoint,
  latestCheckpoint,
  type NewCheckpoint,
  pruneRun,
  publishedCheckpoint,
  readMetrics,
  resumeRun,
  type RunFolder,
  runOfCheckpoint,
} from "../src/node.ts"
import { bundle } from "./bundle.ts"
import { fault, mountSmall } from "./support.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-run-"))
const small = join(folder, "small")
const mounted = mountSmall(small)
afterAll(() => {
  if (mounted) execFileSync("umount", [small])
  rmSync(folder, { recursive: true, force: true })
})

const tensor = (value: number, length = 4): StoredTensor => ({
  dtype: "F32",
  shape: [length],
  data: new Float32Array(length).fill(value),
})

const checkpoint = (step: number, score?: number, length?: number): NewCheckpoint => ({
  step,
  score,
  tensors: [["head.weight", tensor(step, length)]],
  trainingTensors: [["head.weight.m", tensor(-step, length)]],
  state: { step, order: [1, 2] },
})

let count = 0
const fresh = (): string => join(folder, `run-${count++}`)
const steps = (path: string): string[] => readdirSync(join(path, "checkpoints")).sort()
const published = (path: string): number | undefined =>
  readSafetensors(readFileSync(join(path, "model.safetensors")), "model").tensors.get("head.weight")?.data[0] as number

async function withRun(path: string, action: (run: RunFolder) => Promise<void>): Promise<void> {
  const run = await createRun(path, { vitrine: { seed: 1 } }, { keepLast: 2 })
  await action(run).finally(() => run.close())
}

describe("a run", () => {
  test("is created, saved and resumed", async () => {
    const path = fresh()
    await withRun(path, async (run) => {
      for (let step = 1; step <= 5; step++) {
        run.appendMetrics({ step, loss: 1 / step })
        if (step === 2 || step === 4) await run.saveCheckpoint(checkpoint(step))
      }
    })
    appendFileSync(join(path, "metrics.jsonl"), '{"step":6,"lo')
    expect(await readMetrics(join(path, "metrics.jsonl"))).toHaveLength(5)
    const resumed = await resumeRun(path)
    expect(resumed.config).toEqual({ vitrine: { seed: 1 } })
    expect(resumed.damaged).toEqual([])
    expect(resumed.checkpoint).toEqual({
      step: 4,
      score: null,
      loss: null,
      path: join(path, "checkpoints", "step-00000004"),
      tensors: new Map([["head.weight", tensor(4)]]),
      trainingTensors: new Map([["head.weight.m", tensor(-4)]]),
      state: { step: 4, order: [1, 2] },
    })
    expect(await readMetrics(join(path, "metrics.jsonl"))).toEqual(
      [1, 2, 3, 4].map((step) => ({ step, loss: 1 / step })),
    )
    resumed.run.appendMetrics({ step: 5, loss: 0 })
    await resumed.run.close()
    expect(readFileSync(join(path, "metrics.jsonl"), "utf8").trim().split("\n")).toHaveLength(5)
    expect(readdirSync(path).sort()).toEqual(["checkpoints", "config.json", "metrics.jsonl", "model.safetensors"])
  })

  test("keeps the last checkpoints and the best, and publishes the best", async () => {
    const path = fresh()
    await withRun(path, async (run) => {
      const scores = [0.5, 0.9, 0.7, 0.9, Number.NaN, 0.6]
      const expected = [1, 2, 2, 2, 2, 2]
      for (const [index, score] of scores.entries()) {
        await run.saveCheckpoint(checkpoint(index + 1, score))
        expect(published(path)).toBe(expected[index])
      }
      expect(run.checkpoints.map(({ step, score }) => [step, score])).toEqual([
        [2, 0.9],
        [5, null],
        [6, 0.6],
      ])
      expect(steps(path)).toEqual(["step-00000002", "step-00000005", "step-00000006"])
      await run.saveCheckpoint(checkpoint(7, 0.95))
      expect(published(path)).toBe(7)
      expect(steps(path)).toEqual(["step-00000006", "step-00000007"])
    })
    expect(await latestCheckpoint(path)).toMatchObject({ step: 7, score: 0.95 })
    await withRun(fresh(), async (run) => {
      for (const [step, score] of [1, 3, 2].entries()) await run.saveCheckpoint(checkpoint(step, score))
      expect(await findCheckpoint(run.path, "last")).toMatchObject({ step: 2, score: 2 })
      expect(await findCheckpoint(run.path, "best")).toMatchObject({ step: 1, score: 3 })
      expect(await publishedCheckpoint(run.path)).toMatchObject({ step: 1 })
      const { path } = await findCheckpoint(run.path, 1)
      expect(runOfCheckpoint(path)).toBe(run.path)
      expect(runOfCheckpoint(run.path)).toBeUndefined()
      await expect(findCheckpoint(run.path, 0)).rejects.toThrow("has no checkpoint of step 0: it has those of 1, 2")
    })
    await expect(findCheckpoint(folder, "last")).rejects.toThrow("has no checkpoints: name the folder of a run")
  })

  test("loses what a process left that ended before it removed older checkpoints, where the number is given", async () => {
    const path = fresh()
    const run = await createRun(path, {}, { keepLast: 3 })
    for (const [index, score] of [0.9, 0.5, 0.7].entries()) await run.saveCheckpoint(checkpoint(index + 1, score))
    await run.close()
    await (await resumeRun(path)).run.close()
    expect(steps(path)).toHaveLength(3)
    await (await resumeRun(path, { keepLast: 1 })).run.close()
    expect(steps(path)).toEqual(["step-00000001", "step-00000003"])
  })

  test("takes no state that would not be the same when it is read", async () => {
    await withRun(fresh(), async (run) => {
      const of = (state: unknown): Promise<string> => fault(run.saveCheckpoint({ ...checkpoint(1), state }))
      expect(await of({ best: Infinity })).toMatch(/checkpoints: its state cannot hold Infinity, the value of "best"$/)
      expect(await of(Array.from({ length: 1_000_001 }, () => 0))).toMatch(/its state holds more than 1000000 values$/)
      expect(run.checkpoints).toEqual([])
    })
  })

  test("replaces a checkpoint of the same step", async () => {
    const path = fresh()
    await withRun(path, async (run) => {
      await run.saveCheckpoint(checkpoint(1, 1))
      await run.saveCheckpoint({ ...checkpoint(1, 2), tensors: [["head.weight", tensor(8)]] })
      expect(published(path)).toBe(8)
      expect(steps(path)).toEqual(["step-00000001"])
    })
  })

  test("that ended before its first checkpoint starts anew", async () => {
    const path = fresh()
    await withRun(path, async (run) => run.appendMetrics({ step: 1 }))
    const { run, checkpoint: found } = await resumeRun(path)
    expect(found).toBeNull()
    expect(await readMetrics(join(path, "metrics.jsonl"))).toEqual([])
    await run.close()
  })

  test("that comes to nothing is removed, one with a checkpoint or metrics is not", async () => {
    const [nothing, saved, logged] = [fresh(), fresh(), fresh()]
    await (await createRun(nothing, {})).discard()
    await expect(createRun(nothing, Promise.resolve({}))).rejects.toThrow("its content is a promise: await it")
    expect(existsSync(nothing)).toBe(false)
    const run = await createRun(saved, {})
    await run.saveCheckpoint(checkpoint(1))
    await run.discard()
    expect(steps(saved)).toEqual(["step-00000001"])
    const other = await createRun(logged, {})
    other.appendMetrics({ step: 1 })
    await other.discard()
    expect(readdirSync(logged).sort()).toEqual(["checkpoints", "config.json", "metrics.jsonl"])
    // Closed, they can be gone on with.
    for (const path of [saved, logged]) await (await resumeRun(path)).run.close()
  })

  test("passes over a damaged checkpoint and says so", async () => {
    const path = fresh()
    await withRun(path, async (run) => {
      for (const step of [1, 2]) {
        run.appendMetrics({ step })
        await run.saveCheckpoint(checkpoint(step))
      }
    })
    truncateSync(join(path, "checkpoints", "step-00000002", "training.safetensors"), 90)
    const { run, checkpoint: found, damaged } = await resumeRun(path)
    expect(found?.step).toBe(1)
    expect(damaged.map(({ message }) => message)).toEqual([
      expect.stringMatching(/step-00000002\/training\.safetensors: tensor "head\.weight\.m" ends \d+ bytes after/),
    ])
    expect(published(path)).toBe(1)
    expect(await readMetrics(join(path, "metrics.jsonl"))).toEqual([{ step: 1 }])
    await run.saveCheckpoint(checkpoint(2))
    await run.close()
    expect((await latestCheckpoint(path))?.step).toBe(2)
  })

  test("with a planted file of a replaced folder keeps its own files", async () => {
    const path = fresh()
    await withRun(path, async (run) => {
      await run.saveCheckpoint(checkpoint(1))
    })
    const config = readFileSync(join(path, "config.json"), "utf8")
    writeFileSync(join(path, ".vitrine-old-config.json"), "{}")
    writeFileSync(join(path, "checkpoints", ".vitrine-old-step-00000002"), "planted")
    await (await resumeRun(path)).run.close()
    expect(readFileSync(join(path, "config.json"), "utf8")).toBe(config)
    expect(readdirSync(path).filter((name) => name.startsWith("."))).toEqual([])
    expect(readdirSync(join(path, "checkpoints"))).toEqual(["step-00000001"])
  })

  test("with a link in the place of what it writes leaves what the link leads to", async () => {
    const [path, other] = [fresh(), fresh()]
    for (const each of [path, other])
      await withRun(each, async (run) => {
        for (const step of [1, 2, 3]) await run.saveCheckpoint(checkpoint(step))
        run.appendMetrics({ step: 1 })
      })
    const before = steps(other)
    const metrics = join(path, "metrics.jsonl")
    rmSync(metrics)
    symlinkSync(join(folder, "elsewhere"), metrics)
    expect(await fault(resumeRun(path))).toMatch(/metrics\.jsonl: is a link/)
    expect(existsSync(join(folder, "elsewhere"))).toBe(false)
    rmSync(metrics)
    rmSync(join(path, "checkpoints"), { recursive: true })
    symlinkSync(join(other, "checkpoints"), join(path, "checkpoints"))
    expect(await fault(resumeRun(path, { keepLast: 1 }))).toMatch(/checkpoints: is a link/)
    expect(await fault(pruneRun(path))).toMatch(/checkpoints: is a link/)
    expect(steps(other)).toEqual(before)
    // A lock that is a link to nothing is broken, and does not keep the run locked for ever.
    rmSync(join(path, "checkpoints"))
    mkdirSync(join(path, "checkpoints"))
    symlinkSync("nowhere", join(path, "run.lock"))
    await (await resumeRun(path)).run.close()
    expect(readdirSync(path)).not.toContain("run.lock")
  })

  test("with more metrics than are read, or nested ones, says so", async () => {
    const path = join(fresh(), "..", "many.jsonl")
    writeFileSync(path, '{"step":1}\n'.repeat(5))
    expect(await readMetrics(path, 5)).toHaveLength(5)
    expect(await fault(readMetrics(path, 4))).toMatch(/many\.jsonl: has more than 4 lines$/)
    writeFileSync(path, "\n".repeat(9))
    expect(await fault(readMetrics(path, 4))).toMatch(/has more than 4 lines$/)
    writeFileSync(path, `{"step":1,"x":${"[".repeat(5000)}${"]".repeat(5000)}}\n`)
    expect(await fault(readMetrics(path))).toMatch(/line 1 is not an event with a step/)
  })

  test("with a broken line among its metrics says which", async () => {
    const path = fresh()
    await withRun(path, async (run) => {
      run.appendMetrics({ step: 1 })
      run.appendMetrics({ step: 2 })
      await run.saveCheckpoint(checkpoint(2))
      await expect(async () => run.appendMetrics({ step: Number.NaN })).rejects.toThrow(/needs a step of 0 or more/)
    })
    appendFileSync(join(path, "metrics.jsonl"), "\0\0\n\0")
    await (await resumeRun(path)).run.close()
    expect(await readMetrics(join(path, "metrics.jsonl"))).toEqual([{ step: 1 }, { step: 2 }])
    writeFileSync(join(path, "metrics.jsonl"), '{"step":1}\nnull\n{"step":2}\n')
    expect(await fault(resumeRun(path))).toMatch(/metrics\.jsonl: line 2 is not an event with a step: "null"$/)
    expect(existsSync(join(path, "run.lock"))).toBe(false)
  })
})

describe("a folder is refused", () => {
  test("when it holds a run, or anything else", async () => {
    const path = fresh()
    await withRun(path, async () => {})
    expect(await fault(createRun(path, {}))).toMatch(/holds a run already: resume it, or choose another folder$/)
    const foreign = fresh()
    mkdirSync(foreign)
    writeFileSync(join(foreign, "thesis.tex"), "")
    expect(await fault(createRun(foreign, {}))).toMatch(/is not empty \(it holds "thesis\.tex"\)/)
    expect(readdirSync(foreign)).toEqual(["thesis.tex"])
    expect(await fault(resumeRun(foreign))).toMatch(/holds no run: config\.json or checkpoints\/ is missing$/)
    expect(await fault(resumeRun(join(foreign, "thesis.tex")))).toMatch(/cannot resume: it is not a folder$/)
    expect(await fault(resumeRun(join(foreign, "none")))).toMatch(/no such file or folder$/)
    expect(await fault(createRun(join(foreign, "thesis.tex", "run"), {}))).toMatch(/a part of the path is a file/)
    expect(await fault(createRun(fresh(), {}, { keepLast: 0 }))).toMatch(/keepLast must be an integer of 1 or more/)
  })

  test("but not when a killed creation left it", async () => {
    const path = fresh()
    mkdirSync(join(path, "checkpoints"), { recursive: true })
    mkdirSync(join(path, ".vitrine-tmp-1-1"))
    await withRun(path, async () => {})
    expect(readdirSync(path).sort()).toEqual(["checkpoints", "config.json"])
  })
})

describe("the lock", () => {
  test("keeps a second writer out until the first has closed", async () => {
    const path = fresh()
    const run = await createRun(path, {})
    expect(await fault(resumeRun(path))).toMatch(/run\.lock: process \d+ is writing this run: wait for it or stop it/)
    await run.close()
    await (await resumeRun(path)).run.close()
  })

  const holder = { pid: process.pid, host: hostname(), started: null as string | null, token: "x" }
  const dead = (): number => Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }))
  test.each([
    ["of a dead process is taken over", () => ({ ...holder, pid: dead() }), true],
    ["of a process whose pid another has now is taken over", () => ({ ...holder, started: "an:other" }), true],
    ["that is broken is taken over", () => "{", true],
    ["of another machine is respected", () => ({ ...holder, host: "elsewhere", pid: dead() }), false],
  ])("%s", async (_, content, taken) => {
    const path = fresh()
    await withRun(path, async () => {})
    writeFileSync(join(path, "run.lock"), JSON.stringify(content()))
    if (taken && (process.platform === "linux" || content() === "{")) await (await resumeRun(path)).run.close()
    else expect(await fault(resumeRun(path))).toMatch(/process \d+ .*is writing this run/)
    expect(readdirSync(path).filter((name) => name.startsWith("."))).toEqual([])
  })

  test.runIf(process.platform !== "win32").each([
    ["a pipe", (file: string) => void execFileSync("mkfifo", [file])],
    ["a file of 100 kB", (file: string) => writeFileSync(file, " ".repeat(100_000))],
  ])("in whose place there is %s is taken over", async (_, plant) => {
    const path = fresh()
    await withRun(path, async () => {})
    plant(join(path, "run.lock"))
    await (await resumeRun(path)).run.close()
    expect(existsSync(join(path, "run.lock"))).toBe(false)
  })

  const minutesAgo = (path: string, minutes: number): void => {
    const time = new Date(Date.now() - 60_000 * minutes)
    utimesSync(path, time, time)
  }
  const elsewhere = { ...holder, host: "elsewhere", space: "another", lease: 600 }

  test("of a machine that gave no sign of life for ten minutes is free, before that by take-over alone", async () => {
    const path = fresh()
    await withRun(path, async () => {})
    const file = join(path, "run.lock")
    writeFileSync(file, JSON.stringify(elsewhere))
    minutesAgo(file, 9)
    expect(await fault(resumeRun(path))).toMatch(
      /run\.lock: process \d+ on "elsewhere" is writing this run: .*resume with --take-over, or wait until .* 10 minutes$/,
    )
    await (await resumeRun(path, { takeOver: true })).run.close()
    writeFileSync(file, JSON.stringify(elsewhere))
    minutesAgo(file, 11)
    await (await resumeRun(path)).run.close()
    // Another container of this machine has other process numbers; a lock of an older version has no lease.
    writeFileSync(file, JSON.stringify({ ...elsewhere, host: hostname(), lease: undefined }))
    minutesAgo(file, 1000)
    expect(await fault(resumeRun(path))).toMatch(/is gone, resume with --take-over$/)
  })

  test("moves while it is had, and a writer that lost it writes nothing more", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
    const path = fresh()
    const first = await createRun(path, { of: "first" })
    const file = join(path, "run.lock")
    minutesAgo(file, 9)
    const before = statSync(file).mtimeMs
    vi.advanceTimersByTime(30_000)
    expect(statSync(file).mtimeMs).toBeGreaterThan(before)
    vi.useRealTimers()
    first.appendMetrics({ step: 1 })
    await first.saveCheckpoint(checkpoint(1))

    expect(await fault(resumeRun(path))).toMatch(
      /is writing this run: wait for it or stop it, or resume with --take-over$/,
    )
    const { run: second } = await resumeRun(path, { takeOver: true })
    const lost = /run\.lock: process \d+ on ".*" has taken over this run; this one ends$/
    await new Promise((resolve) => setTimeout(resolve, 21))
    expect(await fault((async () => first.appendMetrics({ step: 2 }))())).toMatch(lost)
    expect(await fault(first.saveCheckpoint(checkpoint(2)))).toMatch(lost)
    expect(await fault(first.writeConfig({ of: "lost" }))).toMatch(lost)
    await first.discard()
    second.appendMetrics({ step: 2 })
    await second.saveCheckpoint(checkpoint(2))
    await second.close()
    expect(steps(path)).toEqual(["step-00000001", "step-00000002"])
    expect(await readMetrics(join(path, "metrics.jsonl"))).toEqual([{ step: 1 }, { step: 2 }])
    expect(readdirSync(path).filter((name) => name.startsWith(".") || name === "run.lock")).toEqual([])
  })

  test("goes to one of many that try at once over a dead one's", async () => {
    const path = fresh()
    await withRun(path, async () => {})
    writeFileSync(join(path, "run.lock"), JSON.stringify({ ...holder, pid: dead() }))
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => resumeRun(path)))
    const winners = tries.flatMap((each) => (each.status === "fulfilled" ? [each.value.run] : []))
    expect(winners).toHaveLength(1)
    await winners[0]?.close()
  })
})

describe("a disk", () => {
  test.skipIf(!mounted)(
    "that is full leaves the last checkpoint (skipped where a tmpfs cannot be mounted)",
    async () => {
      const path = join(small, "run")
      const run = await createRun(path, {})
      run.appendMetrics({ step: 1 })
      await run.saveCheckpoint(checkpoint(1, undefined, 20_000))
      expect(await fault(run.saveCheckpoint(checkpoint(2, undefined, 120_000)))).toMatch(
        /step-00000002: cannot write: the disk is full$/,
      )
      expect(steps(path)).toEqual(["step-00000001"])
      const line = { step: 2, text: "x".repeat(3000) }
      let written = 0
      const full = await fault(
        (async () => {
          for (; ; written++) run.appendMetrics(line)
        })(),
      )
      expect(full).toMatch(/metrics\.jsonl: cannot write: the disk is full$/)
      expect(await readMetrics(join(path, "metrics.jsonl"))).toHaveLength(1 + written)
      await run.close()
      rmSync(join(path, "metrics.jsonl"))
      const resumed = await resumeRun(path)
      expect(resumed.checkpoint?.tensors.get("head.weight")?.data[0]).toBe(1)
      await resumed.run.saveCheckpoint(checkpoint(2, undefined, 20_000))
      await resumed.run.close()
    },
  )

  test.skipIf(process.platform !== "linux")("that takes no folders is a clear error", async () => {
    expect(await fault(createRun("/proc/vitrine", {}))).toMatch(/^\/proc\/vitrine: cannot create the run: /)
  })
})

/** Waits until a process has said so many times that it saved a checkpoint. */
async function saved(child: ChildProcess, count: number): Promise<void> {
  let lines = 0
  for await (const chunk of on(child.stdout as NodeJS.ReadableStream, "data")) {
    lines += String(chunk).split("\n").length - 1
    if (lines >= count) return
  }
}

describe("SIGKILL", () => {
  let script: string
  beforeAll(async () => {
    script = await bundle(fileURLToPath(new URL("train-forever.ts", import.meta.url)), folder)
  })

  test("at 12 random moments of training leaves a run that goes on without doubles or gaps", async () => {
    const path = fresh()
    let last = 0
    for (let kill = 0; kill < 12; kill++) {
      const child: ChildProcess = spawn(process.execPath, [script, path], { stdio: ["ignore", "pipe", "inherit"] })
      const ended = once(child, "exit")
      // The first ones die while they begin, the others while they write a checkpoint after their first ones.
      if (kill < 2) await new Promise((resolve) => setTimeout(resolve, Math.random() * 120))
      else await saved(child, 2 + Math.floor(Math.random() * 7))
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10))
      child.kill("SIGKILL")
      expect((await ended)[1]).toBe("SIGKILL")
      if (!existsSync(join(path, "config.json"))) continue

      const { run, checkpoint: found, damaged } = await resumeRun(path)
      const step = found?.step ?? 0
      expect(damaged).toEqual([])
      expect(step).toBeGreaterThanOrEqual(last)
      last = step
      for (const { data } of [...(found?.tensors.values() ?? []), ...(found?.trainingTensors.values() ?? [])])
        expect((data as Float32Array).every((value) => value === step)).toBe(true)
      const events = await readMetrics(join(path, "metrics.jsonl"))
      expect(events.filter(({ type }) => type === "step").map((event) => event.step)).toEqual(
        Array.from({ length: step }, (_, i) => i + 1),
      )
      expect(events.filter(({ type }) => type === "evaluation")).toHaveLength(step / 3)
      for (const name of [...readdirSync(path), ...readdirSync(join(path, "checkpoints"))])
        expect(name).not.toMatch(/^\./)
      if (found !== null) {
        const model = readSafetensors(readFileSync(join(path, "model.safetensors")), "model").tensors
        const values = new Set([...model.values()].flatMap(({ data }) => [...(data as Float32Array)]))
        const scored = run.checkpoints.map((each) => each.step).filter((each) => each % 12 === 6)
        expect([...values]).toEqual([scored[0] ?? expect.any(Number)])
      }
      await run.close()
    }
    expect(last).toBeGreaterThanOrEqual(60)
  })
})

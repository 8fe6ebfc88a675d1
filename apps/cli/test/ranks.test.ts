import { execFileSync, spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test, vi } from "vitest"
import { temporaryFolder, tinyData, tinyModel, vitrine } from "./vitrine.ts"

const bin = fileURLToPath(new URL("../bin/vitrine.js", import.meta.url))
const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const at = (name: string): string => join(folder, name)

/** Debian's names of the two launchers. */
const launchers = { "mpirun.openmpi": ["--oversubscribe", "--allow-run-as-root"], "mpirun.mpich": [] } as const

function isThere(launcher: string): boolean {
  try {
    execFileSync(launcher, ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

const cut = ["--batch-size", "16", "--micro-batches", "4", "--dropout", "0.1", "--mixup", "0.2", "--threads", "1"]
const args = ["train", "--data", data, "--steps", "6", "--eval-every", "3", ...cut, ...tinyModel]
const weights = (run: string): Buffer => readFileSync(join(at(run), "model.safetensors"))

describe.each(Object.entries(launchers))("%s", (launcher, flags) => {
  test.skipIf(!isThere(launcher))("starts ranks that come to the bytes of one process", async () => {
    const { code, stderr } = await vitrine([...args, "--out", at(`${launcher}-1`)])
    expect(`${code} ${stderr}`).toMatch(/^0 /)
    const run = (...words: string[]): string =>
      execFileSync(launcher, [...flags, "-n", "2", process.execPath, bin, ...words], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      })
    const out = at(`${launcher}-2`)
    const printed = run(...args, "--out", out)
    expect(printed.match(/Training loss/g)).toHaveLength(1)
    expect(weights(`${launcher}-2`)).toEqual(weights(`${launcher}-1`))
    expect(() => run(...args, "--micro-batches", "1", "--out", at("short"))).toThrow(
      /rank 0 on .*: 2 ranks share 1 micro-batch a step: set microBatches to 2/,
    )
  })
})

test.skipIf(!isThere("mpirun"))("local ranks that get SIGTERM end their step, save and exit with 130", async () => {
  const out = at("stopped")
  const words = ["--steps", "100000", "--ranks", "2", "--out", out]
  const child = spawn(process.execPath, [bin, ...args, ...words], { stdio: ["ignore", "pipe", "pipe"] })
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()))
  const code = new Promise<number | null>((resolve) => child.on("exit", resolve))
  await vi.waitUntil(() => existsSync(join(out, "checkpoints")) && readdirSync(join(out, "checkpoints")).length > 0, {
    timeout: 50_000,
    interval: 100,
  })
  child.kill("SIGTERM")
  expect(await code).toBe(130)
  expect(printed).toMatch(/Stopped after step \d+ and saved/)
})

import { mkdirSync, rmSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { createRun } from "@vitrine/checkpoint/node"
import { expect, test } from "vitest"
import { exitCodeOf } from "../dist/errors.js"
import { withIo } from "../dist/output.js"
import { temporaryFolder } from "./vitrine.ts"

const folder = temporaryFolder()

async function lineOf(error: unknown): Promise<string> {
  let text = ""
  const stream = { write: (part: string) => void (text += part) }
  const io = { stdout: stream, stderr: stream, exit() {}, whenReaderLeaves() {} }
  const code = await withIo(io, async () => exitCodeOf(error))
  return `${code} ${text}`
}

test("an answer of the system is no unexpected error", async () => {
  const missing = await readdir(join(folder, "nowhere")).catch((error: unknown) => error)
  expect(await lineOf(missing)).toMatch(/^1 vitrine: .*nowhere: scandir failed: no such file or directory\n$/)
  const many = Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE", syscall: "open", path: "a" })
  expect(await lineOf(many)).toMatch(
    /^1 vitrine: this shell lets a process open \d+ files, .*raise it: ulimit -n 1024\n$/,
  )
  expect(await lineOf(new TypeError("x is undefined\u001b[2J"))).toBe(
    "1 vitrine: unexpected error: x is undefined\\u001b[2J (set VITRINE_DEBUG=1 to see where)\n",
  )
})

test("a new run whose folder is removed is discarded without another error", async () => {
  const path = join(folder, "run")
  mkdirSync(path)
  const run = await createRun(path, {})
  rmSync(path, { recursive: true })
  await run.discard()
  await expect(run.writeConfig({})).rejects.toThrow(/config\.json: cannot write: no such file or folder/)
})

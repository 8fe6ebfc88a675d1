import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test, vi } from "vitest"
import { workerPool } from "../src/internal-node.ts"
import { decodeImage } from "../src/node.ts"
import { openFile } from "../src/node/open-file.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-stuck-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const pipe = join(folder, "pipe.png")
if (process.platform !== "win32") execFileSync("mkfifo", [pipe])

describe.skipIf(process.platform === "win32")("what could be waited for without end", () => {
  test("is no image: pipes, devices, sockets and folders", async () => {
    mkdirSync(join(folder, "folder.png"))
    const server = createServer().listen(join(folder, "socket.png"))
    await once(server, "listening")
    await expect(decodeImage(pipe)).rejects.toThrow(/pipe\.png: is a pipe or a device, no regular file$/)
    await expect(decodeImage("/dev/zero")).rejects.toThrow(/^\/dev\/zero: is a pipe or a device/)
    await expect(decodeImage(join(folder, "folder.png"))).rejects.toThrow(/folder\.png: is a folder/)
    await expect(decodeImage(join(folder, "socket.png"))).rejects.toThrow(/socket\.png: cannot be read/)
    await expect(openFile(pipe)).rejects.toThrow(/is a pipe/)
    server.close()
  })

  test("is given up in a thread that is closed, and ends the process in the end", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    const before = process.listenerCount("exit")
    try {
      const pool = workerPool(new URL("./stuck.mjs", import.meta.url), pipe, 1, async () => {})
      await pool.make({ epoch: 0, index: 0, examples: new Uint32Array(1) })
      const closed = pool.close()
      await vi.advanceTimersByTimeAsync(2000)
      await closed
    } finally {
      vi.useRealTimers()
    }
    expect(process.listenerCount("exit")).toBe(before + 1)
    await writeFile(pipe, "")
    await vi.waitFor(() => expect(process.listenerCount("exit")).toBe(before))
  })
})

test("a file is opened with its size", async () => {
  writeFileSync(join(folder, "four"), "four")
  const { file, size } = await openFile(join(folder, "four"))
  expect(size).toBe(4)
  await file.close()
})

import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { goldenPath } from "@vitrine/golden"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest"
import { createLoader, resolveData } from "../src/node.ts"
import { openRemote } from "../src/node/range-cache.ts"

/** 3.5 MiB, so that the last piece is not whole. */
const content = Buffer.from(Uint32Array.from({ length: 0.875 * 2 ** 20 }, (_, i) => Math.imul(i, 2654435761)).buffer)
let version: Record<string, string> = {}
let ranges: string[] = []
let server: Server
let host = ""
let folder = ""

beforeAll(async () => {
  server = createServer(({ url = "", headers }, response) => {
    const { pathname } = new URL(url, "http://x")
    const bytes = pathname === "/content" ? content : readFileSync(goldenPath(pathname.slice(1)))
    const [from = 0, end = 0] = (/^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "")?.slice(1) ?? []).map(Number)
    const to = Math.min(bytes.length, end + 1)
    ranges.push(`${from}-${to}`)
    response
      .writeHead(206, { "Content-Range": `bytes ${from}-${to - 1}/${bytes.length}`, ...version })
      .end(bytes.subarray(from, to))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  host = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrine-ranges-"))
  vi.stubEnv("VITRINE_CACHE", folder)
  version = { ETag: '"1"' }
  ranges = []
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const piece = 2 ** 20
const open = (signature = "a") => openRemote({ url: `${host}/content?signature=${signature}` })

it("what was read is not asked for again, with another signature too", async () => {
  const source = await open()
  for (const [begin, end] of [
    [piece + 5, 2 * piece + 5], // pieces 1 and 2
    [10, content.length], // asks for 0 and 3 alone
    [3 * piece + 7, content.length + 100],
    [7, 7],
  ] as const)
    expect(Buffer.from(await source.read(begin, end)).equals(content.subarray(begin, end))).toBe(true)
  expect(ranges).toEqual(["0-1", `${piece}-${3 * piece}`, `0-${piece}`, `${3 * piece}-${content.length}`])
  ranges = []
  const again = await open("b")
  expect(Buffer.from(await again.read(0, content.length)).equals(content)).toBe(true)
  expect(ranges).toEqual(["0-1"])
})

it("a file that has changed, and a piece that is not whole, are read anew", async () => {
  await (await open()).read(0, 10)
  version = { "Last-Modified": "Tue, 01 Dec 2026 00:00:00 GMT" }
  await (await open()).read(0, 10)
  expect(ranges).toEqual(["0-1", `0-${piece}`, "0-1", `0-${piece}`])
  for (const name of readdirSync(folder)) truncateSync(join(folder, name, "0"), 5)
  expect(Buffer.from(await (await open()).read(0, 10)).equals(content.subarray(0, 10))).toBe(true)
})

it("a server without a version, and a folder that cannot be written, are named", async () => {
  version = {}
  await expect(open()).rejects.toThrow(
    `${host}/content: its server gives neither ETag nor Last-Modified, so that a file that has changed looks the same: unset VITRINE_CACHE`,
  )
  version = { ETag: '"1"' }
  writeFileSync(join(folder, "file"), "")
  vi.stubEnv("VITRINE_CACHE", join(folder, "file"))
  await expect(open()).rejects.toThrow("file: cannot be written: give a folder that can, or unset it")
})

it.each(["parquet/zstd.parquet", "webdataset/cls/train-000000.tar"])(
  "%s gives the same batches, and the second time nothing but whether it has changed is asked",
  async (name) => {
    const batches = async (): Promise<string[]> => {
      const { train, notes } = await resolveData(`${host}/${name}`, { order: { rows: 3, blocks: 2 } })
      expect(notes.at(-1)).toBe(
        `what is read is kept in ${folder} (VITRINE_CACHE), as long as 1 GiB of its disk stays free`,
      )
      const texts: string[] = []
      for await (const { images } of await createLoader({ source: train, batchSize: 5, shuffle: true, epochs: 1 }))
        texts.push(Buffer.from(images.buffer).toString("base64"))
      return texts
    }
    const first = await batches()
    ranges = []
    expect(await batches()).toEqual(first)
    expect(new Set(ranges)).toEqual(new Set(["0-1"]))
  },
)

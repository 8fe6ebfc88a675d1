import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest"
import { findAddon, planSetup, setup } from "../src/index.ts"
import { download } from "../src/setup/download.ts"
import { compareReleases, indexFiles, releaseOf } from "../src/setup/python-index.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-setup-"))
const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251))
const sha256 = createHash("sha256").update(bytes).digest("hex")
const wheel = "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"
const page = [
  `<a href="../files/${wheel}#sha256=${sha256}" data-requires-python="&gt;=3.10">${wheel}</a>`,
  `<a href="../files/tensorflow_cpu-2.22.0rc1-cp311-cp311-manylinux_2_27_x86_64.whl#sha256=${sha256}">tensorflow_cpu-2.22.0rc1-cp311-cp311-manylinux_2_27_x86_64.whl</a>`,
  `<a href="../files/unsigned.whl">unsigned.whl</a>`,
].join("<br/>\n")

const ranges: (string | undefined)[] = []
/** Bytes after which the server breaks a connection off. */
let breakAfter = Number.POSITIVE_INFINITY
let server: Server
let url: string

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.startsWith("/simple/tensorflow-cpu")) return response.end(page)
    if (!request.url?.includes("/files/")) return response.writeHead(404).end()
    ranges.push(request.headers.range)
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, { "content-length": bytes.length - from })
    if (request.method === "HEAD") return response.end()
    const part = bytes.subarray(from, Math.min(bytes.length, from + breakAfter))
    const ended = from + part.length === bytes.length
    // The socket is given time to send what it has.
    response.write(part, () => (ended ? response.end() : setTimeout(() => response.destroy(), 50)))
    return undefined
  })
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  vi.stubEnv("PIP_INDEX_URL", `${url}/simple`)
})
afterEach(() => {
  breakAfter = Number.POSITIVE_INFINITY
})
afterAll(() => {
  vi.unstubAllEnvs()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name = wheel) => ({ name, url: `${url}/files/${name}`, sha256, size: bytes.length })

it("reads an index, and passes over what has no checksum", async () => {
  const files = await indexFiles("tensorflow-cpu")
  expect(files.map(({ name }) => name)).toEqual([wheel, wheel.replace("2.21.0", "2.22.0rc1")])
  expect(files[0]).toEqual({ name: wheel, sha256, url: `${url}/simple/files/${wheel}` })
  expect(files.map(releaseOf)).toEqual(["2.21.0", undefined])
  expect(compareReleases("12.10", "12.9.3")).toBeGreaterThan(0)
})

it.runIf(process.platform === "linux" && process.arch === "x64")("plans with sizes", async () => {
  const plan = await planSetup("node-cpu")
  expect(plan.downloads.map(({ name, size }) => [name, size])).toEqual([[wheel, bytes.length]])
  expect(plan.peakBytes).toBeGreaterThan(4 * bytes.length)
  await expect(planSetup("node-gpu")).rejects.toThrow(/404/)
})

it("goes on with a download that was broken off, and checks it", async () => {
  const path = join(folder, wheel)
  breakAfter = 30_000
  await expect(download(file(), path, () => {})).rejects.toThrow(/cannot be reached/)
  const kept = readFileSync(`${path}.part`).length
  expect(kept).toBeGreaterThan(0)
  breakAfter = Number.POSITIVE_INFINITY
  const seen: number[] = []
  await download(file(), path, (done) => seen.push(done))
  expect(ranges.at(-1)).toBe(`bytes=${kept}-`)
  expect(seen.at(-1)).toBe(bytes.length)
  expect(readFileSync(path).equals(bytes)).toBe(true)
  const asked = ranges.length
  await download(file(), path, () => {})
  expect(ranges.length).toBe(asked)
})

it("deletes what does not have its checksum", async () => {
  const path = join(folder, "wrong.whl")
  writeFileSync(`${path}.part`, Buffer.alloc(50_000, 1))
  await expect(download(file("wrong.whl"), path, () => {})).rejects.toThrow(
    /SHA-256 .* but the index gives .* try again/,
  )
  await download(file("wrong.whl"), path, () => {})
  expect(readFileSync(path).equals(bytes)).toBe(true)
})

it("says what to do where there is no addon, no compiler or no network", async () => {
  vi.stubEnv("VITRINE_CACHE", join(folder, "empty"))
  expect(findAddon("node-cpu")).toMatch(/run `vitrine setup node-cpu`$/)
  const { CXX, PATH } = process.env
  vi.stubEnv("CXX", undefined)
  vi.stubEnv("PATH", folder)
  await expect(setup("node-cpu")).rejects.toThrow(/no C\+\+ compiler: install one/)
  vi.stubEnv("PATH", PATH)
  vi.stubEnv("CXX", CXX ?? process.execPath)
  vi.stubEnv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
  await expect(setup("node-cpu")).rejects.toThrow(/127\.0\.0\.1:9 cannot be reached .* PIP_INDEX_URL/)
})

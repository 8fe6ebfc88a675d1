import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest"
import { findAddon, planSetup, setup } from "../src/index.ts"
import { download as downloadTo } from "../src/setup/download.ts"
import { filesOf } from "../src/setup/files.ts"
import { loginIn } from "../src/setup/netrc.ts"
import { locate } from "../src/setup/plan.ts"
import { indexFiles, pythonIndex } from "../src/setup/python-index.ts"

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
/** The authorization of the last request for each path. */
const logins = new Map<string | undefined, string | undefined>()
/** Whether the server answers ranges with status 416. */
let refusesRanges = false
/** Milliseconds between bytes of a server that never ends. */
let slow = 0
/** Bytes after which the server breaks a connection off. */
let breakAfter = Number.POSITIVE_INFINITY
let server: Server
let url: string

beforeAll(async () => {
  server = createServer((request, response) => {
    logins.set(request.url, request.headers.authorization)
    if (request.url?.startsWith("/simple/tensorflow-cpu")) return response.end(page)
    if (!request.url?.includes("/files/")) return response.writeHead(404).end()
    ranges.push(request.headers.range)
    if (refusesRanges && request.headers.range !== undefined) return response.writeHead(416).end()
    if (slow > 0) {
      const timer = setInterval(() => response.write("a"), slow)
      return response.on("close", () => clearInterval(timer))
    }
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
  refusesRanges = false
  slow = 0
})
afterAll(() => {
  vi.unstubAllEnvs()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

const pinned = (name = wheel) => ({ project: "tensorflow-cpu", name, sha256, size: bytes.length })
const file = (name = wheel) => ({ ...pinned(name), url: `${url}/files/${name}` })
const download = (
  wanted: ReturnType<typeof file>,
  path: string,
  onBytes: (done: number) => void,
  patience?: number,
): Promise<void> => downloadTo(wanted, path, { index: pythonIndex(), onBytes, ...(patience && { patience }) })

it("finds its files in an index", async () => {
  const files = await indexFiles(pythonIndex(), "tensorflow-cpu")
  expect(files.map(({ name }) => name)).toEqual([wheel, wheel.replace("2.21.0", "2.22.0rc1"), "unsigned.whl"])
  expect(await locate(pythonIndex(), pinned())).toEqual({ ...pinned(), url: `${url}/simple/files/${wheel}` })
  await expect(locate(pythonIndex(), pinned("other.whl"))).rejects.toThrow(/\/simple has no other\.whl/)
})

it.runIf(process.platform === "linux" && process.arch === "x64")(
  "plans with the sizes and hashes it holds",
  async () => {
    const plan = await planSetup("node-cpu")
    const [library] = filesOf("node-cpu", "linux-x64") ?? []
    expect(plan.downloads).toEqual([{ ...library, url: `${url}/simple/files/${wheel}` }])
    expect(library?.sha256).not.toBe(sha256)
    expect(plan.peakBytes).toBeGreaterThan(4 * 273_829_956)
    expect(filesOf("node-gpu", "linux-x64")).toHaveLength(13)
    await expect(planSetup("node-gpu")).rejects.toThrow(/\/simple\/\S+\/ answers 404/)
  },
)

it("sends user and password of the index or of netrc, and prints neither", async () => {
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`
  vi.stubEnv("PIP_INDEX_URL", `${url.replace("//", "//user:pass%40word@")}/simple`)
  const { url: link } = await locate(pythonIndex(), pinned())
  expect(link).not.toMatch(/user|word/)
  await download(file("login.whl"), join(folder, "login.whl"), () => {})
  const seen = (): unknown[] => ["/simple/tensorflow-cpu/", "/files/login.whl"].map((path) => logins.get(path))
  expect(seen()).toEqual([basic("user:pass@word"), basic("user:pass@word")])
  const fault = await indexFiles(pythonIndex(), "nothing").catch((error: Error) => error.message)
  expect(fault).toBe(`${url}/simple/nothing/ answers 404 Not Found`)
  vi.stubEnv("PIP_INDEX_URL", `${url}/simple`)
  vi.stubEnv("NETRC", join(folder, "netrc"))
  writeFileSync(join(folder, "netrc"), "machine 127.0.0.1\n login anna\n password s3cret\n")
  await locate(pythonIndex(), pinned())
  expect(seen()[0]).toBe(basic("anna:s3cret"))
  vi.stubEnv("NETRC", join(folder, "none"))
  for (const bad of ["user:p@ss word@host", "https//user:secret@host", "file:///simple"]) {
    vi.stubEnv("PIP_INDEX_URL", bad)
    expect(pythonIndex).toThrow(/^PIP_INDEX_URL is ".*"; expected an address such as https:/)
    expect(pythonIndex).not.toThrow(/secret|ss word/)
  }
  vi.stubEnv("PIP_INDEX_URL", `${url}/simple`)
})

it("reads netrc as Python does", () => {
  const text =
    'machine a login "b \\"c" password d # machine x\nmacdef init\n machine a login evil\n\ndefault login e account f password g'
  expect(loginIn(text, "a")).toEqual({ user: 'b "c', password: "d" })
  expect(loginIn(text, "other")).toEqual({ user: "e", password: "g" })
  expect(loginIn("machine a login b password c", "other")).toBeUndefined()
})

it("starts over where the server has no such range, and gives a server up that crawls", async () => {
  const path = join(folder, "restarted.whl")
  writeFileSync(`${path}.part`, Buffer.alloc(50_000, 1))
  refusesRanges = true
  await download(file("restarted.whl"), path, () => {})
  expect(readFileSync(path).equals(bytes)).toBe(true)
  slow = 5
  await expect(download(file("slow.whl"), join(folder, "slow.whl"), () => {}, 100)).rejects.toThrow(
    /slow\.whl sends less than 1 KiB a second; try again later/,
  )
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
  await expect(download(file("wrong.whl"), path, () => {})).rejects.toThrow(/SHA-256 .*, expected .* try again/)
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

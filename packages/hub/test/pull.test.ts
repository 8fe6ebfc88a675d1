import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { parseHubName } from "../src/name.ts"
import { type PullProgress, pull } from "../src/node.ts"
import { download } from "../src/node/download.ts"
import { requests } from "../src/node/requests.ts"
import { commit, gitHash, type HubServer, hubServer, type Repository, sha256 } from "./server.ts"

const root = mkdtempSync(join(tmpdir(), "vitrine-hub-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 24)
const weights = bytes(1_000_003)
const config = Buffer.from('{"architecture":"vit_tiny_patch16_224"}')
const model: Repository = {
  name: "owner/some-model.v1",
  files: {
    ".gitattributes": Buffer.from("*"),
    "README.md": Buffer.from("# A model"),
    "config.json": config,
    "model.safetensors": weights,
    "pytorch_model.bin": bytes(10),
  },
  large: ["model.safetensors", "pytorch_model.bin"],
  revisions: ["main", "v1", "refs/pr/1"],
}
const name = `hf:${model.name}`

let server: HubServer
let cache: string
const folder = (): string => join(cache, "models--owner--some-model.v1")
const partial = (): string => join(folder(), "blobs", `${sha256(weights)}.incomplete`)
const files = (): string[] =>
  server.seen.filter(({ path }) => path.includes("/resolve/")).map(({ path }) => path.split("/").at(-1) as string)

async function serve(repository: Repository): Promise<void> {
  await server?.close()
  server = await hubServer(repository)
  vi.stubEnv("HF_ENDPOINT", server.endpoint)
}

beforeEach(async () => {
  cache = mkdtempSync(join(root, "cache-"))
  vi.stubEnv("HF_HUB_CACHE", cache)
  vi.stubEnv("HF_HOME", cache)
  vi.stubEnv("HF_TOKEN", "")
  vi.stubEnv("HF_HUB_OFFLINE", "")
  await serve(model)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await server.close()
})

async function fault(text = name): Promise<string> {
  try {
    await pull(text)
  } catch (error) {
    expect(VitrineError.isInstance(error), String((error as Error).stack)).toBe(true)
    expect((error as Error).message).not.toMatch(/[\n\r]/)
    return (error as Error).message
  }
  throw new Error("nothing was thrown")
}

describe("a model", () => {
  test("is laid out as Python's huggingface_hub does, and holds what is needed only", async () => {
    const { path, commit: at, fetched, name: pinned, unreached } = await pull(name)
    expect([path, at, fetched]).toEqual([join(folder(), "snapshots", commit), commit, config.length + weights.length])
    expect([pinned, unreached]).toEqual([`${name}@${commit}`, null])
    expect(readdirSync(path).sort()).toEqual(["config.json", "model.safetensors"])
    expect(sha256(readFileSync(join(path, "model.safetensors")))).toBe(sha256(weights))
    expect(readlinkSync(join(path, "model.safetensors"))).toBe(join("..", "..", "blobs", sha256(weights)))
    expect(readlinkSync(join(path, "config.json"))).toBe(join("..", "..", "blobs", gitHash(config)))
    expect(readFileSync(join(folder(), "refs", "main"), "utf8")).toBe(commit)
    expect(readdirSync(join(folder(), "blobs")).sort()).toEqual([gitHash(config), sha256(weights)].sort())
  })

  test("is not fetched twice, and by its commit not even asked for", async () => {
    const first = await pull(name)
    server.seen.length = 0
    expect(await pull(name)).toEqual({ ...first, fetched: 0 })
    expect(files()).toEqual([])
    server.seen.length = 0
    expect((await pull(first.name)).path).toBe(first.path)
    expect(server.seen).toEqual([])
  })

  test.each(["v1", "refs/pr/1", commit])("of revision %s", async (revision) => {
    await pull(`${name}@${revision}`)
    expect(existsSync(join(folder(), "refs", "main"))).toBe(false)
    if (revision !== commit) expect(readFileSync(join(folder(), "refs", revision), "utf8")).toBe(commit)
  })

  test("tells how far it is", async () => {
    const seen: PullProgress[] = []
    await pull(name, { onProgress: (progress) => seen.push(progress) })
    const total = config.length + weights.length
    expect(new Set(seen.map((progress) => progress.total))).toEqual(new Set([total]))
    expect(seen.map((progress) => progress.bytes)).toEqual(
      seen.map((progress) => progress.bytes).toSorted((a, b) => a - b),
    )
    expect(seen.at(-1)).toEqual({ file: "model.safetensors", bytes: total, total })
  })

  test("in shards", async () => {
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    const sharded = Object.fromEntries(shards.map((shard, i) => [shard, bytes(1000 + i)]))
    const index = { "config.json": config, "model.safetensors.index.json": Buffer.from("{}") }
    await serve({ name: model.name, files: { ...index, ...sharded, "other.safetensors": bytes(3) }, large: shards })
    const { path } = await pull(name)
    expect(readdirSync(path).sort()).toEqual(["config.json", ...shards, "model.safetensors.index.json"])
  })

  test("that is an .npz file, the only one or one of several", async () => {
    const archives = { "B_16.npz": bytes(100), "B_32.npz": bytes(200) }
    await serve({ name: model.name, files: { "B_16.npz": bytes(100), "README.md": bytes(9) }, large: ["B_16.npz"] })
    expect((await pull(name)).path).toBe(join(folder(), "snapshots", commit, "B_16.npz"))
    await serve({ name: model.name, files: archives, large: [] })
    rmSync(folder(), { recursive: true })
    expect(await fault()).toMatch(/holds 2 \.npz files; name one, as in hf:owner\/some-model\.v1\/B_16\.npz/)
    expect((await pull(`${name}/B_32.npz`)).path).toBe(join(folder(), "snapshots", commit, "B_32.npz"))
    expect(await fault(`${name}/B_8.npz`)).toMatch(/holds no B_8\.npz/)
  })
})

describe("an interrupted download", () => {
  test("goes on where the connection broke", async () => {
    server.faults = { breaks: [300_000, 200_000] }
    expect((await pull(name)).fetched).toBe(config.length + weights.length)
    const ranges = server.seen.filter(({ at }) => at === "cdn").map(({ range }) => range)
    expect(ranges[0]).toBeUndefined()
    expect(ranges).toHaveLength(3)
    for (const range of ranges.slice(1)) expect(Number(/^bytes=(\d+)-$/.exec(range as string)?.[1])).toBeGreaterThan(0)
    expect(sha256(readFileSync(join(folder(), "blobs", sha256(weights))))).toBe(sha256(weights))
  })

  test("goes on where an earlier process was killed, and counts what is there", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true })
    writeFileSync(partial(), weights.subarray(0, 400_000))
    const seen: PullProgress[] = []
    const { fetched } = await pull(name, { onProgress: (progress) => seen.push(progress) })
    expect(fetched).toBe(config.length + weights.length - 400_000)
    expect(server.seen.filter(({ at }) => at === "cdn").map(({ range }) => range)).toEqual(["bytes=400000-"])
    expect(seen.some((progress) => progress.bytes === config.length + 400_000)).toBe(true)
    expect(existsSync(partial())).toBe(false)
  })

  test("begins anew where the server knows no ranges, or more is there than there should be", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true })
    writeFileSync(partial(), bytes(400_000).fill(7))
    server.faults = { noRanges: true }
    await pull(name)
    rmSync(folder(), { recursive: true })
    mkdirSync(join(folder(), "blobs"), { recursive: true })
    writeFileSync(partial(), Buffer.concat([weights, bytes(10)]))
    const { path } = await pull(name)
    expect(statSync(join(path, "model.safetensors")).size).toBe(weights.length)
  })

  test("begins anew where the server says that it has no such range", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true })
    writeFileSync(partial(), weights.subarray(0, 400_000))
    server.faults = { refusesRanges: true }
    const { path } = await pull(name)
    expect(sha256(readFileSync(join(path, "model.safetensors")))).toBe(sha256(weights))
  })

  test("of less than 1 KiB a second is given up", async () => {
    server.faults = { rate: 100 }
    const settings = { endpoint: server.endpoint, authorization: undefined, offline: false }
    const slow = download({
      file: { path: "model.safetensors", size: weights.length, hash: { algorithm: "sha256", hex: sha256(weights) } },
      url: `${server.endpoint}/${model.name}/resolve/${commit}/model.safetensors`,
      to: join(cache, "slow"),
      requests: requests(parseHubName(name), settings, undefined, 200),
      onBytes: () => {},
      signal: undefined,
      waits: [1],
    })
    await expect(slow).rejects.toThrow(/sends less than 1024 bytes a second; try again later$/)
  })

  test("by two processes at once gives one right file", async () => {
    server.faults = { breaks: [500_000, 100_000, 250_000] }
    const both = await Promise.all([pull(name), pull(name)])
    expect(both[0].path).toBe(both[1].path)
    expect(sha256(readFileSync(join(both[0].path, "model.safetensors")))).toBe(sha256(weights))
    expect(readdirSync(join(folder(), "blobs"))).toHaveLength(2)
  })

  test("by an abort leaves what came", async () => {
    server.faults = { rate: 500_000 }
    const controller = new AbortController()
    const onProgress = ({ bytes }: PullProgress): void => void (bytes >= 200_000 && controller.abort())
    await expect(pull(name, { onProgress, signal: controller.signal })).rejects.toThrow(/abort/i)
    expect(statSync(partial()).size).toBeGreaterThanOrEqual(200_000)
  })

  test("that stalls is given up and taken up again", async () => {
    vi.resetModules()
    vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "0.3")
    const { pull: impatient } = await import("../src/node.ts")
    server.faults = { stalls: [300_000] }
    expect((await impatient(name)).commit).toBe(commit)
    vi.resetModules()
  })
})

describe("what comes damaged", () => {
  test.each(["model.safetensors", "config.json"])("is deleted, and said to be: %s", async (file) => {
    if (file === "model.safetensors") await serve({ ...model, large: [...model.large, "config.json"] })
    server.faults = { corrupt: true }
    const message = await fault()
    expect(message).toMatch(
      /^config\.json: was damaged on its way: its checksum is [0-9a-f]+, expected [0-9a-f]+; .*deleted/,
    )
    expect(readdirSync(join(folder(), "blobs"))).toEqual([])
    server.faults = {}
    expect((await pull(name)).commit).toBe(commit)
  })

  test("of an earlier try is found and fetched again", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true })
    writeFileSync(partial(), bytes(1000).fill(9))
    expect(await fault()).toMatch(/^model\.safetensors: was damaged/)
    expect(existsSync(partial())).toBe(false)
    await pull(name)
  })

  test("is more than is listed", async () => {
    server.faults = { tail: bytes(1000) }
    expect(await fault()).toMatch(/model\.safetensors: the server sends more than the 1000003 bytes/)
  })
})

describe("a hub that says no", () => {
  test.each<[string, string, HubServer["faults"], RegExp]>([
    [
      "no such model",
      "hf:owner/nothing",
      {},
      /^hf:owner\/nothing: http.* has no such model, or it is private: set HF_TOKEN/,
    ],
    ["no such revision", `${name}@v9`, {}, /^hf:owner\/some-model\.v1: has no revision "v9"$/],
    ["404", name, { api: { status: 404 } }, /no such model/],
    [
      "gated",
      name,
      { resolve: { status: 403, code: "GatedRepo" } },
      /is gated: accept its terms at http.*some-model\.v1; set HF_TOKEN/,
    ],
    ["401", name, { resolve: { status: 401 } }, /does not give it \(status 401\): set HF_TOKEN/],
    ["a status of its own", name, { api: { status: 418 } }, /answers with status 418/],
    ["lists that never end", name, { endless: true }, /gives over 200 pages/],
    ["an address that is none", name, { tree: [], next: "http://a b:99999/" }, /the address of the next page is none/],
    [
      "more lists than are read",
      name,
      { tree: Array(1_000_001).fill(0) },
      /hub does \(its text holds more than 1000000 values\)/,
    ],
    ["lists that are none", name, { tree: { a: 1 } }, /does not answer as the Hugging Face hub does/],
  ])("%s", async (_, text, faults, expected) => {
    server.faults = faults
    expect(await fault(text)).toMatch(expected)
  })

  test("lists of more bytes than are read in all", async () => {
    const settings = { endpoint: server.endpoint, authorization: undefined, offline: false }
    const { api } = requests(parseHubName(name), settings, undefined, 2000, 1000)
    const url = `${server.endpoint}/api/models/${model.name}/revision/main`
    await expect(Promise.all([api(url), api(url), api(url)])).rejects.toThrow(/lists files in over 1000 bytes of JSON$/)
  })

  test("only pickles, no weights, no config", async () => {
    const of = (...paths: string[]): Repository => ({
      ...model,
      files: Object.fromEntries(paths.map((path) => [path, bytes(9)])),
    })
    await serve(of("config.json", "pytorch_model.bin"))
    expect(await fault()).toMatch(/only as pickles \(pytorch_model\.bin\).*not read; expected model\.safetensors/)
    await serve(of("config.json", "tf_model.h5"))
    expect(await fault()).toMatch(/holds no model\.safetensors and no \.npz/)
    await serve(of("model.safetensors"))
    expect(await fault()).toMatch(/holds no config\.json/)
    await serve(of("config.json", "model.safetensors.index.json", "model-00001-of-00003.safetensors"))
    expect(await fault()).toMatch(/holds 1 of the 3 files/)
    expect(files()).toEqual([])
  })

  test("not there at all", async () => {
    await server.close()
    expect(await fault()).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+: cannot be reached \(ECONNREFUSED\); with HF_HUB_OFFLINE=1 .* lacks the model: name a folder that lies here.* in place of hf:/,
    )
    vi.stubEnv("HF_ENDPOINT", "file:///etc/passwd")
    expect(await fault()).toMatch(/HF_ENDPOINT is "file:.*expected an address/)
  })
})

describe("a hostile hub", () => {
  const entry = { type: "file", size: 3, oid: gitHash(bytes(3)) }
  test.each([
    "../../../evil.npz",
    "/etc/evil.npz",
    "..\\evil.npz",
    "C:evil.npz",
    "a/b.npz",
    "\u001b[31m.npz",
    "evil\n.npz",
    ".npz/..",
  ])("gives no name of %j to a file", async (path) => {
    server.faults = { tree: [{ ...entry, path }] }
    expect(await fault()).toMatch(/holds no model\.safetensors/)
    expect(files()).toEqual([])
    expect(existsSync(folder())).toBe(false)
  })

  test.each<[string, object, RegExp]>([
    [
      "a checksum that is a path",
      { oid: "../../../../tmp/evil" },
      /lists config\.json with a checksum that is no 40 hex/,
    ],
    ["a large file's that is one", { lfs: { oid: "../evil", size: 3 } }, /checksum that is no 64 hex/],
    ["a size that is none", { size: -1 }, /lists config\.json with a size of -1/],
    ["a size of text", { size: "3" }, /size of "3"/],
  ])("gives %s", async (_, other, expected) => {
    server.faults = { tree: [{ ...entry, path: "config.json", ...other }] }
    expect(await fault()).toMatch(expected)
  })

  test("lists more than the disk holds: nothing is fetched", async () => {
    server.faults = {
      tree: [
        { ...entry, path: "config.json" },
        { ...entry, path: "model.safetensors", size: 2 ** 52 },
      ],
    }
    expect(await fault()).toMatch(/4503599627370499 bytes are to be fetched, and the disk has \d+ free/)
    expect(files()).toEqual([])
  })
})

describe("a planted link", () => {
  const elsewhere = (): string => join(cache, "elsewhere")
  test("in the place of a partial or a whole file is not written through", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true })
    writeFileSync(elsewhere(), "precious")
    symlinkSync(elsewhere(), partial())
    symlinkSync(elsewhere(), join(folder(), "blobs", gitHash(config)))
    const { path } = await pull(name)
    expect(readFileSync(elsewhere(), "utf8")).toBe("precious")
    expect(sha256(readFileSync(join(path, "model.safetensors")))).toBe(sha256(weights))
    expect(lstatSync(join(folder(), "blobs", sha256(weights))).isFile()).toBe(true)
  })

  test.each(["blobs", "snapshots", `snapshots/${commit}`, "refs"])("in the place of %s is refused", async (place) => {
    mkdirSync(elsewhere())
    mkdirSync(dirname(join(folder(), place)), { recursive: true })
    symlinkSync(elsewhere(), join(folder(), place))
    expect(await fault()).toMatch(/is a link in the place of a folder; remove it/)
    expect(readdirSync(elsewhere())).toEqual([])
  })
})

describe("the token", () => {
  test("of an address goes to the hub alone, and is in no message", async () => {
    vi.stubEnv("HF_ENDPOINT", server.endpoint.replace("//", "//user:pass%40word@"))
    vi.stubEnv("HF_TOKEN", "hf_secret")
    await pull(name)
    const basic = `Basic ${Buffer.from("user:pass@word").toString("base64")}`
    expect(new Set(server.seen.map(({ at, token }) => [at, token].join()))).toEqual(new Set([`hub,${basic}`, "cdn,"]))
    server.faults = { api: { status: 403, code: "GatedRepo" } }
    expect(await fault(`${name}@v1`)).not.toMatch(/user|pass|word/)
    vi.stubEnv("HF_ENDPOINT", "htp//user:p@ssword@hub")
    expect(await fault()).toMatch(/^HF_ENDPOINT is "…@hub"; expected an address/)
  })

  test("that no header can hold is refused, and not printed", async () => {
    vi.stubEnv("HF_TOKEN", "hf_secret\nhf_other")
    expect(await fault()).toMatch(/^the token of HF_TOKEN .* holds a space, a line break/)
    expect(await fault()).not.toMatch(/hf_/)
    expect(server.seen).toEqual([])
  })

  test("goes to the hub and not to where its files are", async () => {
    vi.stubEnv("HF_TOKEN", "hf_secret")
    await pull(name)
    const tokens = (at: string): Set<string | undefined> =>
      new Set(server.seen.filter((one) => one.at === at).map(({ token }) => token))
    expect(tokens("hub")).toEqual(new Set(["Bearer hf_secret"]))
    expect(tokens("cdn")).toEqual(new Set([undefined]))
    server.faults = { api: { status: 403, code: "GatedRepo" } }
    const message = await fault(`${name}@v1`)
    expect(message).toMatch(/the token that was sent does not open it/)
    expect(message).not.toContain("secret")
  })

  test("is the one of hf auth login where none is set", async () => {
    writeFileSync(join(cache, "token"), "hf_stored\n")
    await pull(name)
    expect(server.seen[0]?.token).toBe("Bearer hf_stored")
  })
})

describe("without the hub", () => {
  test("a model that is in the cache is found there", async () => {
    const { path } = await pull(name)
    vi.stubEnv("HF_HUB_OFFLINE", "1")
    server.seen.length = 0
    expect(await pull(name)).toMatchObject({ path, fetched: 0, unreached: null })
    expect(server.seen).toEqual([])
    expect(await fault(`${name}@v1`)).toMatch(
      /@v1: is not in the cache \(.*\), and HF_HUB_OFFLINE is set: name a folder that lies here/,
    )
  })

  test("one that cannot be reached is made up for by the cache", async () => {
    const { path } = await pull(name)
    await server.close()
    const second = await pull(name)
    expect(second.path).toBe(path)
    expect(second.unreached).toMatch(/cannot be reached/)
  })

  test("a model that is there in part is no model", async () => {
    server.faults = { resolve: { status: 404 } }
    await fault()
    vi.stubEnv("HF_HUB_OFFLINE", "1")
    expect(await fault()).toMatch(/is not in the cache/)
    const { faults } = server
    faults.resolve = undefined as never
    vi.stubEnv("HF_HUB_OFFLINE", "")
    await pull(name)
    rmSync(join(folder(), "blobs", sha256(weights)))
    vi.stubEnv("HF_HUB_OFFLINE", "1")
    expect(await fault()).toMatch(/is not whole in the cache: .*holds no model\.safetensors/)
  })
})

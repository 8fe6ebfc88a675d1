import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { commit, type HubServer, hubServer, sha256 } from "../../../packages/hub/test/server.ts"
import {
  expectFault,
  golden,
  type Result,
  type RunOptions,
  temporaryFolder,
  tinyData,
  vitrine,
  vitrineProcess,
} from "./vitrine.ts"

const folder = temporaryFolder()
const image = join(golden, "grey.png")
const weights = readFileSync(join(golden, "model.safetensors"))
const name = "hf:owner/tiny"
let server: HubServer
let cache: string
let made = 0

beforeAll(async () => {
  const files = { "config.json": readFileSync(join(golden, "config.json")), "model.safetensors": weights }
  server = await hubServer({ name: "owner/tiny", files, large: ["model.safetensors"] })
})
afterAll(() => server.close())
beforeEach(() => {
  cache = join(folder, `cache-${made++}`)
  server.faults = {}
})

const environment = (): Record<string, string> => ({
  HF_ENDPOINT: server.endpoint,
  HF_HUB_CACHE: cache,
  HF_HOME: cache,
  HF_TOKEN: "",
})
const run = (args: readonly string[], { env }: RunOptions = {}): Promise<Result> =>
  vitrine(args, { env: { ...environment(), ...env } })

const snapshot = (): string => join(cache, "models--owner--tiny", "snapshots", commit)

test("pull prints the folder, with or without hf:", async () => {
  const { code, stdout, stderr } = await run(["pull", "owner/tiny"])
  expect([code, stdout]).toEqual([0, `${snapshot()}\n`])
  expect(stderr).toMatch(/^Fetching owner\/tiny \(.*\)\n.* fetched:\n$/)
  const again = await run(["pull", name, "--json"])
  expect(JSON.parse(again.stdout)).toEqual({ model: `${name}@${commit}`, commit, path: snapshot(), fetched: 0 })
  expect(again.stderr).toBe("")
})

test("every command that takes a model takes a name", async () => {
  const local = JSON.parse((await run(["predict", "--model", golden, image, "--json"])).stdout)
  const predicted = await run(["predict", "--model", name, image, "--json"])
  expect(JSON.parse(predicted.stdout)).toEqual({ ...local, model: name })
  const offline = { env: { HF_HUB_OFFLINE: "1" } }
  expect((await run(["weights", name], offline)).stdout).toContain("patch_embed.proj.weight")
  expect(JSON.parse((await run(["embed", "--model", name, image], offline)).stdout).features.length).toBeGreaterThan(8)
  const shapes = ["--data", "shapes", "--json"]
  expectFault(await run(["eval", "--model", `${name}@v2`, ...shapes], offline), /@v2: is not in the cache/)
  const data = ["--data", tinyData(join(folder, "data")), "--json"]
  const train = ["train", "--from", name, ...data, "--steps", "1", "--batch-size", "2", "--out", join(folder, "run")]
  expect((await run([...train, "--threads", "1"], offline)).code).toBe(0)
  expect(JSON.parse(readFileSync(join(folder, "run", "config.json"), "utf8")).vitrine.from).toBe(`${name}@${commit}`)
})

test("a pull that is killed goes on where it was", async () => {
  server.faults = { rate: 200_000 }
  const partial = join(cache, "models--owner--tiny", "blobs", `${sha256(weights)}.incomplete`)
  const killed = await vitrineProcess(["pull", name], {
    env: environment(),
    watch: (child) => {
      const timer = setInterval(() => {
        if ((statSync(partial, { throwIfNoEntry: false })?.size ?? 0) > 0) child.kill("SIGKILL")
      }, 10)
      child.once("close", () => clearInterval(timer))
    },
  })
  expect(killed.signal).toBe("SIGKILL")
  const have = statSync(partial).size
  expect(have).toBeLessThan(weights.length)
  server.faults = {}
  server.seen.length = 0
  const { code, stderr } = await run(["pull", name])
  expect(code).toBe(0)
  expect(stderr).toContain("of it there from an earlier try")
  expect(server.seen.filter(({ at }) => at === "cdn").map(({ range }) => range)).toEqual([`bytes=${have}-`])
  expect(sha256(readFileSync(join(snapshot(), "model.safetensors")))).toBe(sha256(weights))
})

test.each<[string, readonly string[], HubServer["faults"], RegExp]>([
  ["a name that is none", ["pull", "hf:../etc"], {}, /is no name of a model/],
  ["no such model", ["predict", "--model", "hf:owner/none", image], {}, /hf:owner\/none: .*no such model/],
  ["a gated one", ["pull", name], { api: { status: 403, code: "GatedRepo" } }, /is gated: accept its terms/],
  [
    "a hostile listing",
    ["weights", name],
    { tree: [{ type: "file", path: "../../x.npz", size: 1 }] },
    /holds no model/,
  ],
])("%s is one line", async (_, args, faults, fault) => {
  server.faults = faults
  expectFault(await run(args), fault)
})

test("what is damaged is one line after the one that says that it is fetched", async () => {
  server.faults = { corrupt: true }
  const { code, stderr } = await run(["pull", name])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^Fetching .*\nvitrine: config\.json: was damaged on its way: [^\n]*\n$/)
})

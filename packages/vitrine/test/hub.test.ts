import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readSafetensors, writeSafetensors } from "@vitrine/checkpoint"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { type HubServer, hubServer } from "../../hub/test/server.ts"
import { evaluate, load, train } from "../src/node.ts"
import { locateModel } from "../src/web/files.ts"

const golden = fileURLToPath(new URL("../../../tooling/golden/files/vit-folder-tiny/", import.meta.url))
const image = join(golden, "grey.png")
const root = mkdtempSync(join(tmpdir(), "vitrine-hub-"))
let server: HubServer

beforeAll(async () => {
  const files = Object.fromEntries(
    ["config.json", "model.safetensors"].map((file) => [file, readFileSync(join(golden, file))]),
  )
  server = await hubServer({ name: "owner/tiny", files, large: ["model.safetensors"] })
  vi.stubEnv("HF_ENDPOINT", server.endpoint)
  vi.stubEnv("HF_HUB_CACHE", join(root, "cache"))
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.close()
  rmSync(root, { recursive: true, force: true })
})

test.each(["vit_tiny", "vit_tiny_patch16_224", "runs/nothing"])(
  "%s, which is no file, is told the hub's names",
  async (name) => {
    const message = `${name}: cannot read: no such file or folder; a model of the Hugging Face hub is named hf:OWNER/NAME, timm's for instance hf:timm/vit_tiny_patch16_224.`
    await expect(load(name)).rejects.toThrow(message)
  },
)

test("load takes a name of the hub and gives what the folder gives", async () => {
  const [remote, local] = [await load("hf:owner/tiny@main"), await load(golden)]
  expect(await remote.predict(image)).toEqual(await local.predict(image))
  await Promise.all([remote.close(), local.close()])
})

test("evaluate and train take one; a run says which commit it began with, and is resumed without the hub", async () => {
  const { config } = await load("hf:owner/tiny")
  await expect(evaluate("hf:owner/tiny")).rejects.toThrow(/does not say what it was trained on/)
  const out = join(root, "run")
  const recipe = { steps: 1, batchSize: 2, model: { imageSize: config.imageSize } }
  const controller = new AbortController()
  for await (const event of train({ data: "shapes", from: "hf:owner/tiny", recipe, out, signal: controller.signal }))
    if (event.type === "setup") {
      expect(event.from).toEqual({ model: "hf:owner/tiny", newHead: true, notes: [], positionsFrom: null })
      break
    }
  const { vitrine } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"))
  expect(vitrine.from).toBe("hf:owner/tiny@0123456789abcdef0123456789abcdef01234567")
  server.seen.length = 0
  const types: string[] = []
  for await (const event of train({ resume: out })) types.push(event.type)
  expect(types).toContain("end")
  expect(server.seen).toEqual([])
})

test("weights in several files are fetched and loaded as one", async () => {
  const { tensors } = readSafetensors(readFileSync(join(golden, "model.safetensors")), "golden")
  const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const
  const halves = names.map((_, half) => [...tensors].filter((_, i) => i % 2 === half))
  const weight_map = Object.fromEntries(halves.flatMap((half, i) => half.map(([tensor]) => [tensor, names[i]])))
  const shards = Object.fromEntries(names.map((name, i) => [name, Buffer.concat(writeSafetensors(halves[i] ?? []))]))
  const files = {
    "config.json": readFileSync(join(golden, "config.json")),
    "model.safetensors.index.json": Buffer.from(JSON.stringify({ weight_map })),
    ...shards,
  }
  const other = await hubServer({ name: "owner/sharded", files, large: names })
  vi.stubEnv("HF_ENDPOINT", other.endpoint)
  const [remote, local] = [await load("hf:owner/sharded"), await load(golden)]
  expect(await remote.predict(image)).toEqual(await local.predict(image))
  await Promise.all([remote.close(), local.close(), other.close()])
  vi.stubEnv("HF_ENDPOINT", server.endpoint)
})

test("a page fetches the files of a name itself", async () => {
  const actual = await locateModel("hf:owner/tiny@v1")
  expect(actual.kind === "folder" && actual.folder.nameOf("config.json")).toBe(
    "https://huggingface.co/owner/tiny/resolve/v1/config.json",
  )
})

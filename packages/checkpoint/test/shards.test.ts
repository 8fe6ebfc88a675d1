import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { goldenPath } from "@vitrine/golden"
import { afterAll, describe, expect, test } from "vitest"
import { describeWeights, readModelFolder } from "../src/node.ts"
import { fault } from "./support.ts"

const scratch = mkdtempSync(join(tmpdir(), "vitrine-shards-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const golden = goldenPath("huggingface-dinov2-registers")
const indexFile = "model.safetensors.index.json"
const index = JSON.parse(readFileSync(join(golden, indexFile), "utf8")) as { weight_map: Record<string, string> }

/** A copy of the folder with another index. */
function copy(name: string, change: (map: Record<string, string>) => unknown): string {
  const folder = join(scratch, name)
  cpSync(golden, folder, { recursive: true })
  const map = { ...index.weight_map }
  const changed = change(map)
  writeFileSync(join(folder, indexFile), JSON.stringify(changed ?? { ...index, weight_map: map }))
  return folder
}

test("weights in several files are one model's", async () => {
  for (const path of [golden, join(golden, "config.json"), join(golden, indexFile)]) {
    const { weights, config } = await readModelFolder(path)
    expect(config).toMatchObject({ registers: 3, dim: 48 })
    expect(weights.tensors.map(({ name }) => name).toSorted()).toEqual(Object.keys(index.weight_map).toSorted())
    for (const { name, place } of weights.tensors)
      expect(place?.file).toBe(join(golden, index.weight_map[name] as string))
    expect((await weights.read("classifier.bias")).dtype).toBe("F16")
    await weights.close()
  }
})

test("describeWeights lists all of them", async () => {
  for (const path of [golden, join(golden, indexFile)]) {
    const { format, tensors, parameters, size, file } = await describeWeights(path)
    expect([format, file]).toEqual(["safetensors", join(golden, indexFile)])
    expect(tensors.map(({ name }) => name).toSorted()).toEqual(Object.keys(index.weight_map).toSorted())
    expect(parameters).toBe(68453)
    expect(size).toBeGreaterThan(2 * parameters)
  }
})

describe("an index is hostile until it is checked", () => {
  const first = "model-00001-of-00003.safetensors"
  test.each<[string, (map: Record<string, string>) => unknown, RegExp]>([
    ["no map", () => ({}), /index\.json: weight_map must be an object, got undefined$/],
    ["a list", () => [], /index\.json: weight_map must be an object/],
    ["an empty map", () => ({ weight_map: {} }), /has 0 files of weights; 1 to 1000 are read$/],
    ...[
      "../secret.safetensors",
      "/etc/passwd",
      "a/b.safetensors",
      "..",
      ".safetensors",
      "a\\b.safetensors",
      "x.bin",
      7,
    ].map(
      (place) =>
        [
          `a tensor in ${place}`,
          (map: Record<string, unknown>) => {
            map["classifier.bias"] = place
          },
          /tensor "classifier\.bias" lies in .*, which is no file beside the index$/,
        ] as [string, (map: Record<string, string>) => unknown, RegExp],
    ),
    [
      "too many files",
      (map) => {
        for (let i = 0; i < 1000; i++) map[`t${i}`] = `f${i}.safetensors`
      },
      /has 1003 files of weights; 1 to 1000 are read$/,
    ],
    [
      "a file that is not there",
      (map) => {
        map["classifier.bias"] = "model-9.safetensors"
      },
      /has no model-9\.safetensors, which model\.safetensors\.index\.json names$/,
    ],
    [
      "a tensor in another file than it says",
      (map) => {
        map["classifier.bias"] = "model-00003-of-00003.safetensors"
      },
      /00003-of-00003\.safetensors: does not hold the tensors that model\.safetensors\.index\.json says; missing: "classifier\.bias"$/,
    ],
    [
      "a tensor less than the files have",
      (map) => {
        delete map["classifier.bias"]
      },
      /00001-of-00003\.safetensors: does not hold the tensors that .* says; unexpected: "classifier\.bias"$/,
    ],
    [
      "a tensor that is nowhere",
      (map) => {
        map.ghost = first
      },
      /00001-of-00003\.safetensors: does not hold the tensors that .* says; missing: "ghost"$/,
    ],
  ])("%s", async (name, change, message) => {
    expect(await fault(readModelFolder(copy(name.replaceAll(/\W/g, "-"), change)))).toMatch(message)
  })

  test("a shard that is cut short, or a folder", async () => {
    const folder = copy("cut", () => undefined)
    const bytes = readFileSync(join(folder, first))
    writeFileSync(join(folder, first), bytes.subarray(0, 1000))
    expect(await fault(readModelFolder(folder))).toMatch(/00001-of-00003\.safetensors: /)
    rmSync(join(folder, first))
    symlinkSync(scratch, join(folder, first))
    const error = await readModelFolder(folder).catch((thrown: unknown) => thrown)
    expect(VitrineError.isInstance(error) && error.message).toMatch(/cannot read: it is a folder, not a file$/)
  })
})

import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { shardOf } from "../src/shard.ts"
import { expectFault, golden, temporaryFolder, vitrine, vitrineProcess } from "./vitrine.ts"

const folder = temporaryFolder()
const photos = join(folder, "photos")
mkdirSync(photos)
const sources = ["grey.png", "small-rgb.png"].map((name) => join(golden, name))
for (let i = 0; i < 40; i++) copyFileSync(sources[i % 2] ?? "", join(photos, `${i}.png`))

const machine = ["--backend", "onnx", "--threads", "1"]
const embed = (out: string, ...more: string[]): string[] => [
  "embed",
  golden,
  photos,
  "--out",
  join(folder, out),
  ...machine,
  ...more,
]

describe("a shard", () => {
  test.each([
    [{ OMPI_COMM_WORLD_RANK: "2", OMPI_COMM_WORLD_SIZE: "4" }, "3/4"],
    [{ PMI_RANK: "0", PMI_SIZE: "2" }, "1/2"],
    [{ PMI_RANK: "0", PMI_SIZE: "1" }, undefined],
    [
      {
        SLURM_ARRAY_TASK_ID: "15",
        SLURM_ARRAY_TASK_COUNT: "3",
        SLURM_ARRAY_TASK_MIN: "10",
        SLURM_ARRAY_TASK_MAX: "20",
      },
      "2/3",
    ],
    [{}, undefined],
  ])("follows from %o", (env, expected) => {
    const shard = shardOf(undefined, env)
    expect(shard && `${shard.index}/${shard.count}`).toBe(expected)
  })

  test.each(["0/3", "4/3", "3", "a/b", "1/0"])("cannot be %s", async (text) => {
    expectFault(await vitrine(embed("x.npy", "--shard", text)), /--shard.*as in 3\/7/, 2)
  })
})

test.each(["npy", "parquet", "jsonl", "safetensors"])(
  "parts of a .%s file join to the file of one process",
  async (format) => {
    expect((await vitrine(embed(`one.${format}`))).code).toBe(0)
    for (const [shard, line] of [
      ["2/3", /to come: parts 1, 3 of 3/],
      ["3/3", /to come: part 1 of 3/],
      ["1/3", /40 images of 3 parts/],
    ] as const)
      expect(await vitrine(embed(`all.${format}`, "--shard", shard))).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(line),
      })
    expect(readFileSync(join(folder, `all.${format}`))).toEqual(readFileSync(join(folder, `one.${format}`)))
  },
)

test("a part counts if images, model and flags are the same", async () => {
  const there = /is there, of the same images, model and flags/
  const model = join(folder, "model")
  cpSync(golden, model, { recursive: true })
  const predict = async (...more: string[]): Promise<string> => {
    const args = ["predict", model, photos, "--out", join(folder, "p.jsonl"), ...machine, ...more]
    return (await vitrine(args)).stderr
  }
  writeFileSync(join(photos, "broken.png"), "no image")
  expect(await predict("--shard", "2/2")).toMatch(/broken\.png: /)
  expect(await predict("--shard", "2/2")).toMatch(/is there, of the same images, model and flags, 1 could not be read/)
  expect(await predict("--shard", "1/2")).toMatch(/40 images of 2 parts, 1 could not be read/)
  rmSync(join(photos, "broken.png"))
  expect(await predict("--shard", "1/2")).not.toMatch(there)
  expect(await predict("--shard", "1/2")).toMatch(there)
  expect(await predict("--shard", "1/2", "--top", "2")).not.toMatch(there)
  expect(await predict("--shard", "1/2", "--top", "2")).toMatch(there)
  utimesSync(join(photos, "0.png"), 1, 1)
  expect(await predict("--shard", "1/2", "--top", "2")).not.toMatch(there)
  appendFileSync(join(model, "config.json"), " ")
  expect(await predict("--shard", "1/2", "--top", "2")).not.toMatch(there)
  appendFileSync(join(folder, "p.jsonl.parts", "1-of-2.jsonl"), "{\n")
  expect(await predict("--shard", "2/2", "--top", "2")).toMatch(/1-of-2\.jsonl: line \d+ is no JSON: delete the file/)
})

test("seven shards that are killed at random and repeated give the file of one process", async () => {
  await vitrine(embed("whole.npy"))
  const random = (i: number): number => 300 + 1300 * ((i * 0.618) % 1)
  const shards = Array.from({ length: 7 }, (_, i) => embed("killed.npy", "--shard", `${i + 1}/7`))
  const runs = shards.map((args, i) => async (): Promise<void> => {
    let isAlive = true
    await vitrineProcess(args, {
      watch: (child) => void wait(random(i)).then(() => isAlive && child.kill("SIGKILL")),
    }).finally(() => (isAlive = false))
    expect((await vitrineProcess(args)).code).toBe(0)
  })
  const two = async (): Promise<void> => {
    for (let run = runs.pop(); run !== undefined; run = runs.pop()) await run()
  }
  await Promise.all([two(), two()])
  expect(readFileSync(join(folder, "killed.npy"))).toEqual(readFileSync(join(folder, "whole.npy")))
})

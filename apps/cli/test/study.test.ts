import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { vitrine } from "./vitrine.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-study-"))
afterAll(() => rmSync(folder, { recursive: true }))

const model = { dim: 16, depth: 1, heads: 2, mlpDim: 16, patchSize: [16, 16] }
writeFileSync(join(folder, "small.json"), JSON.stringify({ model, batchSize: 16 }))
const file = join(folder, "study.json")
const grid = { data: "shapes", families: { small: "small.json" }, perClass: [2], steps: [2, 3], seeds: [0] }
writeFileSync(file, JSON.stringify(grid))

test("a study reports the cells that have finished", async () => {
  const out = join(folder, "out")
  const cell = join(out, "small-2-2-0")
  const flags = ["--per-class", "2", "--steps", "2", "--recipe", join(folder, "small.json"), "--backend", "reference"]
  expect((await vitrine(["train", "--data", "shapes", "--out", cell, ...flags])).code).toBe(0)
  const { code, stdout, stderr } = await vitrine(["study", file, "-o", out, "--report"])
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stdout).toMatch(/^family +images +steps/)
  expect(stderr).toContain("1 of 2 cells")
  const { cells } = JSON.parse(readFileSync(join(out, "results.json"), "utf8"))
  expect(cells).toMatchObject([{ name: "small-2-2-0", family: "small", perClass: 2, steps: 2, seed: 0, examples: 20 }])
  for (const name of ["table.md", "data.svg", "compute.svg"]) expect(existsSync(join(out, name))).toBe(true)
  const again = await vitrine(["compare", cell, "--by", "images", "-o", join(folder, "again.svg")])
  expect(again.code).toBe(0)
  expect(readFileSync(join(folder, "again.svg"), "utf8")).toBe(readFileSync(join(out, "data.svg"), "utf8"))
})

test.each([
  ["a shard that is none", ["--shard", "3/2"], /Give i\/n, such as 1\/4/],
  ["a file that is no study", ["--report"], /bad\.json: seeds: /],
])("%s is refused", async (_, flags, message) => {
  writeFileSync(join(folder, "bad.json"), JSON.stringify({ ...grid, seeds: [] }))
  const { code, stderr } = await vitrine(["study", join(folder, "bad.json"), ...flags])
  expect(code).not.toBe(0)
  expect(stderr).toMatch(message)
})

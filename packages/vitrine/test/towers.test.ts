import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readSafetensors } from "@vitrine/checkpoint"
import { goldenPath } from "@vitrine/golden"
import { afterAll, describe, expect, test } from "vitest"
import { exportModel, load } from "vitrine"

const place = mkdtempSync(join(tmpdir(), "vitrine-towers-"))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const names = [
  "clip",
  "clip-vision",
  "clip-classifier",
  "siglip",
  "siglip-vision",
  "siglip-classifier",
  "mae",
  "mae-pretraining",
  "timm-mae",
] as const

/** The greatest distance, in shares of what float32 may differ by. */
function distance(rows: readonly Float32Array[], expected: readonly (readonly number[])[]): number {
  const most = Math.max(...expected.flat().map(Math.abs))
  const apart = rows.flatMap((row, i) =>
    Array.from(row, (value, k) => Math.abs(value - (expected[i]?.[k] ?? Infinity))),
  )
  expect(rows.map(({ length }) => length)).toEqual(expected.map(({ length }) => length))
  return Math.max(...apart) / Math.max(2e-5, 1e-5 * most)
}

describe.each(names)("%s", (name) => {
  const folder = goldenPath(`towers-${name}`)
  const { results } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as {
    results: readonly { readonly file: string; readonly outputs: readonly number[] }[]
  }
  const images = results.map(({ file }) => join(folder, file))
  const expected = results.map(({ outputs }) => outputs)

  test("gives the outputs of transformers or timm of its images", async () => {
    for (const backend of ["reference", "onnx"] as const) {
      const model = await load(folder, { backend })
      const rows = await (model.config.classes > 0 ? model.logits(images) : model.features(images))
      await model.close()
      expect(distance(rows, expected), backend).toBeLessThan(1)
      if (model.config.classes === 0 && name !== "timm-mae")
        expect(model.notes.join()).toMatch(/has no classes: its features are /)
    }
  })

  test("is the same model in timm's form", async () => {
    const out = join(place, name)
    await exportModel(folder, { to: "timm", out })
    const rows: Float32Array[][] = []
    for (const path of [folder, out]) {
      const model = await load(path, { backend: "reference", cropMode: "squash", cropPct: 1 })
      rows.push(await (model.config.classes > 0 ? model.logits(images) : model.features(images)))
      await model.close()
    }
    expect(
      distance(
        rows[1] ?? [],
        (rows[0] ?? []).map((row) => Array.from(row)),
      ),
    ).toBeLessThan(1)
  })
})

test.each(["clip-vision", "siglip-vision"])(
  "%s is written for transformers with the tensors that it came with",
  async (name) => {
    const folder = goldenPath(`towers-${name}`)
    const out = join(place, `${name}-hf`)
    await exportModel(folder, { to: "hf", out })
    const tensorsOf = (path: string): ReadonlyMap<string, unknown> =>
      readSafetensors(new Uint8Array(readFileSync(join(path, "model.safetensors"))), path).tensors
    const [before, after] = [tensorsOf(folder), tensorsOf(out)]
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
    for (const [tensor, values] of before) expect(after.get(tensor), tensor).toEqual(values)
    const configOf = (path: string): object => JSON.parse(readFileSync(join(path, "config.json"), "utf8"))
    expect(configOf(folder)).toMatchObject(configOf(out))
  },
)

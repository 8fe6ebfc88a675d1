import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readSafetensors, toFloat32, writeSafetensors } from "@vitrine/checkpoint"
import { goldenPath } from "@vitrine/golden"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { afterAll, describe, expect, test } from "vitest"
import { evaluate, exportFiles, exportModel, load, topPredictions, VitrineError } from "vitrine"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { wholeModel } from "../src/tasks/classify/whole-model.ts"

const place = mkdtempSync(join(tmpdir(), "vitrine-outputs-"))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const photo = goldenPath("vit-folder-tiny/wide-rgb.png")

/** A copy of a folder whose config.json has other fields. */
function copied(name: string, source: string, fields: object): string {
  const folder = join(place, name)
  cpSync(goldenPath(source), folder, { recursive: true })
  const config = join(folder, "config.json")
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), ...fields }))
  return folder
}

const jsonOf = (files: ReadonlyMap<string, readonly Uint8Array[]>): Record<string, unknown> =>
  JSON.parse(Buffer.concat(files.get("config.json") ?? []).toString())

describe("problem_type", () => {
  const logits = Float32Array.of(0.5, -1, 2)
  const scores = (type: Parameters<typeof topPredictions>[3]): number[] =>
    topPredictions(logits, ["a", "b", "c"], 3, type).map(({ probability }) => probability)

  test("makes scores by the rule of transformers' pipeline", () => {
    const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z))
    expect(scores("regression")).toEqual([2, 0.5, -1])
    expect(scores("multi_label_classification")).toEqual([sigmoid(2), sigmoid(0.5), sigmoid(-1)])
    expect(scores(null).reduce((a, b) => a + b)).toBeCloseTo(1, 12)
    expect(topPredictions(Float32Array.of(0.5), ["a"], 1)[0]?.probability).toBe(sigmoid(0.5))
    expect(topPredictions(Float32Array.of(0.5), ["a"], 1, "regression")[0]?.probability).toBe(0.5)
  })

  test.each(["huggingface-vit", "vit-folder-tiny"])("is read from %s and kept by every export", async (source) => {
    const folder = copied(`multi-${source}`, source, { problem_type: "multi_label_classification" })
    const model = await load(folder, { backend: "reference" })
    const [first] = await model.predict(photo, { top: 1 })
    const [row = new Float32Array()] = await model.logits([photo])
    await model.close()
    expect(model.problemType).toBe("multi_label_classification")
    expect(first?.probability).toBeCloseTo(1 / (1 + Math.exp(-Math.max(...row))), 12)
    const open = await readModelFolder(folder)
    const whole = await wholeModel(open, {}, folder).finally(open.weights.close)
    for (const to of ["hf", "timm", "onnx"] as const)
      expect(jsonOf((await exportFiles(whole, { to })).files), to).toMatchObject({
        problem_type: "multi_label_classification",
      })
  })

  test("that does not fit is refused", async () => {
    const other = copied("other", "huggingface-vit", { problem_type: "ranking" })
    await expect(load(other)).rejects.toThrow(/config\.json: problem_type must be one of single_label_classification, /)
    const regression = copied("regression", "huggingface-vit", { problem_type: "regression" })
    await expect(evaluate(regression, { data: "shapes" })).rejects.toThrow(
      /problem_type is "regression": its outputs are no classes to evaluate/,
    )
  })
})

describe("a model that pools by a learned query", () => {
  test("becomes ONNX of every precision with an open batch", async () => {
    const source = goldenPath("family-siglip")
    const open = await readModelFolder(source)
    const { config, weights } = open
    const [height, width] = config.imageSize
    await weights.close()
    const pixels = Float32Array.from({ length: 2 * 3 * height * width }, (_, i) => Math.sin(0.37 * i))
    const out = join(place, "siglip")
    await exportModel(source, { to: "onnx", precision: ["float32", "float16", "int8"], out })
    const made: number[][] = []
    for (const file of ["model", "model_fp16", "model_quantized"]) {
      const session = await InferenceSession.create(join(out, "onnx", `${file}.onnx`))
      const both = await session.run({ pixel_values: new Tensor("float32", pixels, [2, 3, height, width]) })
      const half = pixels.subarray(0, pixels.length / 2)
      const one = await session.run({ pixel_values: new Tensor("float32", half, [1, 3, height, width]) })
      await session.release()
      const values = Array.from(Object.values(both)[0]?.data as Float32Array)
      made.push(values)
      for (const [i, value] of Array.from(Object.values(one)[0]?.data as Float32Array).entries())
        expect(Math.abs(value - (values[i] as number)), file).toBeLessThan(file === "model_quantized" ? 0.3 : 1e-3)
    }
    const [exact = [], half = [], quantized = []] = made
    const most = Math.max(...exact.map(Math.abs))
    const apart = (values: readonly number[]): number =>
      Math.max(...values.map((value, i) => Math.abs(value - (exact[i] as number)))) / most
    expect(apart(half)).toBeLessThan(5e-3)
    expect(apart(quantized)).toBeLessThan(0.1)
  })
})

describe("weights that are not finite", () => {
  test("are kept by float32 and float16, with a note, and refused by int8", async () => {
    const folder = copied("nan", "vit-folder-tiny", {})
    const file = join(folder, "model.safetensors")
    const { tensors } = readSafetensors(readFileSync(file), file)
    const changed = Array.from(tensors, ([name, tensor]) => {
      const data = toFloat32(tensor).slice()
      if (name === "blocks.0.mlp.fc1.weight") data.set([Number.NaN, Number.POSITIVE_INFINITY])
      return [name, { dtype: "F32", shape: tensor.shape, data }] as const
    })
    writeFileSync(file, Buffer.concat([...writeSafetensors(changed, { format: "pt" })]))
    const note = `"blocks.0.mlp.fc1.weight" hold NaN or Inf, which the export keeps`
    for (const precision of ["float32", "float16"] as const) {
      const out = join(place, `nan-${precision}`)
      expect((await exportModel(folder, { to: "timm", precision, out })).notes).toContain(note)
      const kept = readSafetensors(readFileSync(join(out, "model.safetensors")), "out").tensors
      const weight = kept.get("blocks.0.mlp.fc1.weight")
      const values = weight === undefined ? [] : toFloat32(weight)
      expect([values[0], values[1]]).toEqual([Number.NaN, Number.POSITIVE_INFINITY])
      expect((await exportModel(folder, { to: "onnx", precision, out: `${out}.onnx` })).notes).toContain(note)
    }
    await expect(exportModel(folder, { to: "onnx", precision: "int8", out: join(place, "x.onnx") })).rejects.toThrow(
      /int8 has no NaN and no Inf, and "blocks\.0\.mlp\.fc1\.weight" hold NaN or Inf/,
    )
  })

  test("and precisions that do not exist are refused", async () => {
    await expect(
      exportModel(goldenPath("vit-folder-tiny"), { to: "onnx", precision: "int4" as "int8", out: join(place, "y") }),
    ).rejects.toThrow(VitrineError)
  })
})

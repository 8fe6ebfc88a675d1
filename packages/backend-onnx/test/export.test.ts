import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  encodeModel,
  encodeModelChunks,
  type OnnxModel,
  quantizeLinear,
  toFloat16,
  toOnnx,
  withExternalData,
} from "@vitrine/backend-onnx"
import { graph, type Graph, norms, ops, rootScope, type ViTConfig, vit, vitConfig, vitParameters } from "@vitrine/core"
import { type Golden, golden, goldenNames } from "@vitrine/golden"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { afterAll, describe, expect, it } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "vitrine-onnx-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function vitGraph(config: ViTConfig): Graph {
  return graph({
    outputs: { logits: vit(rootScope(), ops.input("images", ["batch", ...config.imageSize, config.channels]), config) },
  })
}

/** A model of the golden files as it is exported. */
function exported({ json, tensors }: Golden): OnnxModel {
  const constants = Object.fromEntries(
    Object.entries(tensors).flatMap(([name, { data }]) =>
      name.startsWith("param.") ? [[name.slice("param.".length), data as Float32Array]] : [],
    ),
  )
  return toOnnx(vitGraph(vitConfig(json.config)), { portable: true, constants })
}

async function run(model: OnnxModel | string, { images }: Golden["tensors"], batch: number): Promise<Float32Array> {
  const session = await (typeof model === "string"
    ? InferenceSession.create(model, { logSeverityLevel: 3 })
    : InferenceSession.create(encodeModel(model), { logSeverityLevel: 3 }))
  const { shape, data: all } = images as Golden["tensors"][string]
  const size = shape.slice(1)
  const count = size.reduce((n, side) => n * side, batch)
  const data = (all as Float32Array).slice(0, count)
  const { logits } = await session.run({ images: new Tensor("float32", data, [batch, ...size]) })
  await session.release()
  return logits?.data as Float32Array
}

const apart = (actual: Float32Array, expected: ArrayLike<number>): number =>
  actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (expected[i] as number))), 0)

const names = goldenNames("vit-").filter((name) => "logits" in golden(name).tensors)

/** A model of each pool and each kind of block. */
const distinctNames = [
  "token",
  "average",
  "map",
  "token-average",
  "swiglu",
  "clip",
  "qk-norm",
  "distilled",
  "rectangle",
].map((name) => `vit-${name}`)

describe("an exported model", () => {
  it.each(names)("has timm's logits at any batch size: %s", async (name) => {
    const file = golden(name)
    const model = exported(file)
    expect(model.opset).toBe(17)
    expect(model.nodes.every(({ domain }) => domain === "")).toBe(true)
    expect(model.inputs.map(({ shape }) => shape[0])).toEqual(["batch"])
    const { data } = file.tensors["logits"] as Golden["tensors"][string]
    const largest = Math.max(...Array.from(data, Math.abs))
    for (const batch of [3, 1]) {
      const logits = await run(model, file.tensors, batch)
      expect(logits).toHaveLength((data.length / 3) * batch)
      expect(apart(logits, data)).toBeLessThanOrEqual(Math.max(2e-5, 1e-5 * largest))
    }
  })

  it.each(distinctNames)("is near to it in float16 and with quantized layers: %s", async (name) => {
    const file = golden(name)
    const plain = exported(file)
    const exact = await run(plain, file.tensors, 3)
    const largest = exact.reduce((top, z) => Math.max(top, Math.abs(z)), 0)
    expect(apart(await run(toFloat16(plain), file.tensors, 3), exact)).toBeLessThan(0.005 * largest)
    expect(apart(await run(quantizeLinear(plain), file.tensors, 3), exact)).toBeLessThan(0.25 * largest)
  })

  it.each(names)("multiplies in float16, and with quantized layers in integers: %s", (name) => {
    const file = golden(name)
    const plain = exported(file)
    const half = toFloat16(plain)
    for (const { op, inputs } of half.nodes)
      if (op === "Gemm") for (const input of inputs) expect(typeOf(half, input)).not.toBe("float32")
    const quantized = quantizeLinear(plain)
    const matrices = vitParameters(vitConfig(file.json.config)).filter(
      ({ role }) => role === "linear" || role === "head",
    )
    const products = quantized.nodes.filter(({ op }) => op === "MatMulInteger")
    expect(new Set(products.map(({ inputs }) => inputs[1]))).toEqual(
      new Set(matrices.map(({ name }) => `${name} int8`)),
    )
  })

  it("norms and takes softmax in float32, whatever the rest is", () => {
    const half = toFloat16(exported(golden("vit-token")))
    for (const { op, inputs } of half.nodes)
      if (op === "LayerNormalization" || op === "Softmax")
        for (const input of inputs) expect(typeOf(half, input), `${op}(${input})`).toBe("float32")
    expect([...half.inputs, ...half.outputs].map(({ dtype }) => dtype)).toEqual(["float32", "float32"])
  })

  it("sums squares that exceed float16, as group norm and RMSNorm do", async () => {
    const images = ops.input("images", ["batch", 12, 12, 4])
    const one = ops.constant(new Float32Array(4).fill(1), [4])
    const grouped = ops.groupNorm(images, one, ops.constant(new Float32Array(4), [4]), 2, 1e-6).y
    const root = norms.rms(rootScope(), images, 1e-6)
    const logits = ops.concat([grouped, root], 3)
    const plain = toOnnx(graph({ outputs: { logits } }), {
      portable: true,
      constants: { weight: Float32Array.of(1, 1, 1, 1) },
    })
    const data = Float32Array.from({ length: 12 * 12 * 4 }, (_, i) => 400 * Math.sin(i * i))
    const input = { images: { shape: [1, 12, 12, 4], data } } as unknown as Golden["tensors"]
    const exact = await run(plain, input, 1)
    expect(apart(await run(toFloat16(plain), input, 1), exact)).toBeLessThan(0.005)
  })

  it("has quantized weights of seven bits and a scale for each output", () => {
    const plain = exported(golden("vit-token"))
    const quantized = quantizeLinear(plain)
    const find = (model: OnnxModel, name: string): Float32Array =>
      model.initializers.find((each) => each.name === name)?.data as Float32Array
    const weights = find(plain, "blocks.0.mlp.fc1.weight")
    const values = find(quantized, "blocks.0.mlp.fc1.weight int8")
    const scales = find(quantized, "blocks.0.mlp.fc1.weight scale")
    const inputs = weights.length / scales.length
    for (const [row, scale] of scales.entries())
      for (let column = 0; column < inputs; column++) {
        const value = values[column * scales.length + row] as number
        expect(Math.abs(value)).toBeLessThanOrEqual(63)
        const off = Math.abs(value * scale - (weights[row * inputs + column] as number))
        expect(off).toBeLessThanOrEqual(0.501 * scale)
      }
    expect(quantized.initializers.some(({ name }) => name === "blocks.0.mlp.fc1.weight")).toBe(false)
  })

  it("runs with its values in a file beside it", async () => {
    const file = golden("vit-token")
    const plain = exported(file)
    const { model, chunks } = withExternalData(plain, "model.onnx_data")
    writeFileSync(join(folder, "model.onnx"), Buffer.concat(encodeModelChunks(model)))
    writeFileSync(join(folder, "model.onnx_data"), Buffer.concat(chunks))
    expect(Buffer.concat(encodeModelChunks(model)).length).toBeLessThan(20_000)
    const logits = await run(join(folder, "model.onnx"), file.tensors, 3)
    expect(logits).toEqual(await run(plain, file.tensors, 3))
  })

  it("says in its metadata what it is told", () => {
    const bytes = encodeModel(exported(golden("vit-token")), { metadata: { labels: '["tench"]' } })
    expect(Buffer.from(bytes).includes('["tench"]')).toBe(true)
  })
})

describe("an open batch", () => {
  const config = vitConfig({ imageSize: [8, 8], patchSize: [4, 4], dim: 8, depth: 1, heads: 2, mlpDim: 8, classes: 2 })

  it("is refused where dropout is drawn", () => {
    const scope = rootScope({ key: ops.input("key", [2], "int32") })
    const images = ops.input("images", ["batch", 8, 8, 3])
    const g = graph({ outputs: { logits: vit(scope, images, { ...config, dropout: 0.1 }) } })
    expect(() => toOnnx(g)).toThrow(/dropout "pos_drop" needs the size of the batch/)
  })

  it("sums over itself", async () => {
    const x = ops.input("x", ["batch", 2])
    const session = await InferenceSession.create(encodeModel(toOnnx(graph({ outputs: { y: ops.sum(x, [0]) } }))))
    const { y } = await session.run({ x: new Tensor("float32", Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]) })
    expect(Array.from(y?.data as Float32Array)).toEqual([9, 12])
    await session.release()
  })

  it("is folded, broadcast to and filled", async () => {
    const x = ops.input("x", ["batch", 2, 3])
    const rows = ops.reshape(x, ["batch*2", 3])
    const outputs = {
      rows: ops.add(rows, ops.broadcastTo(ops.constant(Float32Array.of(1, 2, 3), [1, 3]), rows.shape)),
      filled: ops.concat([ops.full(["batch", 1], 7), ops.slice(ops.reshape(x, ["batch", 6]), 1, 0, 1)], 1),
    }
    const session = await InferenceSession.create(encodeModel(toOnnx(graph({ outputs }), { portable: true })))
    const made = await session.run({
      x: new Tensor(
        "float32",
        Float32Array.from({ length: 12 }, (_, i) => i),
        [2, 2, 3],
      ),
    })
    expect(made["rows"]?.dims).toEqual([4, 3])
    expect(Array.from(made["rows"]?.data as Float32Array)).toEqual([1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14])
    expect(Array.from(made["filled"]?.data as Float32Array)).toEqual([7, 0, 7, 6])
    await session.release()
  })
})

function typeOf(model: OnnxModel, name: string): string | undefined {
  const made = model.nodes.find(({ outputs }) => outputs.includes(name))
  if (made?.op === "Cast") return made.attributes["to"] === 10 ? "float16" : "float32"
  return model.initializers.find((each) => each.name === name)?.dtype
}

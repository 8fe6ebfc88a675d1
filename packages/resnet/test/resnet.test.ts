import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import {
  type Backend,
  gradients,
  graph,
  keyFromSeed,
  ops,
  type Parameter,
  rootScope,
  type Tensor,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import { apart, golden, goldenNames, type GoldenTensor } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { initializeResNet, resnetConfig, resnetFeatures, resnetStride, resnetVariant } from "../src/index.ts"

const backends = [
  { name: "reference", start: referenceBackend, tolerance: 1e-9 },
  { name: "ONNX", start: () => onnxBackend({ worker: false }), tolerance: 1e-5 },
]

describe.each(backends)("torchvision's ResNet on $name", ({ start, tolerance }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await start()
  })
  afterAll(() => backend.close())

  it.each(goldenNames("resnet-"))("%s", async (name) => {
    const { json, tensors } = golden(name)
    const tensor = (each: string): GoldenTensor => tensors[each] as GoldenTensor
    const parameters: Parameter[] = []
    const states = new Map<string, Tensor>()
    const param = (parameter: Parameter): Tensor => {
      parameters.push(parameter)
      const state = ops.state(parameter.name, parameter.shape)
      states.set(parameter.name, state)
      return state
    }
    const taps: Record<string, Tensor> = {}
    const onTap = (tap: string, t: Tensor): void => void (taps[`tap.${tap}`] = t)
    const images = ops.input("images", ["batch", ...(json.image as [number, number]), 3])
    const features = resnetFeatures(rootScope({ param, taps: "all", onTap }), images, resnetConfig(json.config))
    const named = (prefix: string): string[] => Object.keys(tensors).filter((each) => each.startsWith(prefix))
    expect(parameters.map((each) => `param.${each.name}`).toSorted()).toEqual(named("param.").toSorted())
    expect(Object.keys(taps).toSorted()).toEqual(named("tap.").toSorted())

    const learning = parameters.filter(({ role }) => role !== "frozen").map((each) => each.name)
    expect(learning.map((each) => `grad.${each}`).toSorted()).toEqual(named("grad.").toSorted())
    const seed = ops.input("seed", features.shape)
    const grads = gradients(
      [features],
      learning.map((each) => states.get(each) as Tensor),
      [seed],
    )
    const gradsNamed = Object.fromEntries(learning.map((each, i) => [`grad.${each}`, grads[i] as Tensor]))
    const program = await backend.compile(graph({ outputs: { features, ...taps, ...gradsNamed } }), { batch: 2 })
    const slots = parameters.map(({ name, shape }): [string, TensorType] => [name, { shape, dtype: "float32" }])
    const values = Object.fromEntries(parameters.map((each) => [each.name, tensor(`param.${each.name}`).data]))
    const state = await backend.createState(Object.fromEntries(slots), values)
    const results = await program.run({ images: tensor("images").data, seed: tensor("seed").data }, state)
    for (const [each, { data, shape }] of Object.entries(results)) {
      expect(shape, each).toEqual(tensor(each).shape)
      expect(apart(data, tensor(each)), each).toBeLessThan(tolerance)
    }
    await program.dispose()
    await state.dispose()
  })
})

describe("configuration", () => {
  it("knows torchvision's variants", () => {
    // Counts of torchvision's models without their heads; statistics are not counted by it.
    const counts = { resnet18: 11176512, resnet34: 21284672, resnet50: 23508032, resnet101: 42500160 }
    for (const [name, count] of Object.entries(counts)) {
      let found = 0
      const param = ({ name: each, shape }: Parameter): Tensor => {
        if (!each.includes("running")) found += shape.reduce((n, dim) => n * dim, 1)
        return ops.state(each, shape)
      }
      const config = resnetVariant(name)
      const features = resnetFeatures(rootScope({ param }), ops.input("images", ["batch", 75, 64, 3]), config)
      expect(found).toBe(count)
      expect(features.shape).toEqual(["batch", 3, 2, config.widths.at(-1)])
      expect(resnetStride(config)).toBe(32)
    }
    const dilated = resnetVariant("resnet50", { dilated: true })
    expect(resnetStride(dilated)).toBe(16)
  })

  it.each([
    [{ widths: [8, 8] }, /depths/],
    [{ widths: [6], depths: [1] }, /4 must divide/],
    [{ block: "wide" as "basic" }, /block/],
    [{ norm: "batch" as "group" }, /norm/],
    [{ block: "basic" as const, dilated: true }, /dilated/],
    [{ depths: [1, 1, 1, 0] }, /depths/],
    [{ channels: 0 }, /channels/],
  ])("refuses %j", (fields, message) => {
    expect(() => resnetConfig(fields)).toThrow(message)
    expect(() => resnetVariant("resnet51")).toThrow(VitrineError)
  })

  it("starts as torchvision's", () => {
    const parameters: Parameter[] = [
      { name: "conv1.weight", shape: [64, 3, 7, 7], role: "convolution" },
      { name: "bn1.weight", shape: [2], role: "frozen" },
      { name: "bn1.bias", shape: [2], role: "frozen" },
      { name: "bn1.running_mean", shape: [2], role: "frozen" },
      { name: "bn1.running_var", shape: [2], role: "frozen" },
    ]
    const { "conv1.weight": kernel, ...norms } = initializeResNet(parameters, keyFromSeed(1))
    expect(Object.values(norms).map((each) => each[0])).toEqual([1, 0, 0, 1])
    const square = (kernel as Float32Array).reduce((sum, value) => sum + value * value, 0) / 9408
    expect(Math.sqrt(square) / Math.sqrt(2 / (64 * 49))).toBeCloseTo(1, 1)
  })
})

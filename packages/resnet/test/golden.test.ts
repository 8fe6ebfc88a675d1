import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import { type Backend, gradients, graph, ops, rootScope, type Tensor, type TensorType } from "@vitrine/core"
import { apart, golden, goldenNames, tensor } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type BiTConfig, bitConfig, bitParameters, bit } from "../src/index.ts"

const backends = [
  { name: "reference", start: referenceBackend, tolerance: 1e-9 },
  { name: "ONNX", start: () => onnxBackend({ worker: false }), tolerance: 1e-5 },
]

describe.each(backends)("timm's BiT on $name", ({ start, tolerance }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await start()
  })
  afterAll(() => backend.close())

  it.each(goldenNames("bit-").filter((name) => name !== "bit-variants"))("%s", async (name) => {
    const file = golden(name)
    const config: BiTConfig = bitConfig(file.json.config)
    const parameters = bitParameters(config)
    const inFile = Object.keys(file.tensors).filter((key) => key.startsWith("param."))
    expect(parameters.map(({ name }) => `param.${name}`).toSorted()).toEqual(inFile.toSorted())

    const taps: Record<string, Tensor> = {}
    const onTap = (tap: string, t: Tensor): void => void (taps[`tap.${tap}`] = t)
    const states = new Map(parameters.map(({ name, shape }) => [name, ops.state(name, shape)]))
    const param = ({ name }: { name: string }): Tensor => states.get(name) as Tensor
    const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
    const logits = bit(rootScope({ param, taps: "all", onTap }), images, config)
    delete taps["tap.logits"]
    expect(Object.keys(taps).toSorted()).toEqual(
      Object.keys(file.tensors)
        .filter((key) => key.startsWith("tap."))
        .toSorted(),
    )
    const [targets, weights] = [ops.input("targets", logits.shape), ops.input("weights", ["batch"])]
    const losses = ops.softmaxCrossEntropy(logits, targets)
    const loss = ops.div(ops.sum(ops.mul(losses, weights)), ops.sum(weights))
    const grads = gradients([loss], [...states.values()])
    const named = Object.fromEntries(parameters.map(({ name }, i) => [`grad.${name}`, grads[i] as Tensor]))

    const program = await backend.compile(graph({ outputs: { logits, loss, ...taps, ...named } }), { batch: 3 })
    const slots = Object.fromEntries(
      parameters.map(({ name, shape }): [string, TensorType] => [name, { shape, dtype: "float32" }]),
    )
    const values = Object.fromEntries(parameters.map(({ name }) => [name, tensor(file, `param.${name}`).data]))
    const state = await backend.createState(slots, values)
    const inputs = Object.fromEntries(["images", "targets", "weights"].map((each) => [each, tensor(file, each).data]))
    const { loss: own, ...results } = await program.run(inputs, state)
    expect(Math.abs((own?.data[0] as number) / file.json.loss - 1)).toBeLessThan(tolerance)
    for (const [each, { data, shape }] of Object.entries(results)) {
      expect(shape, each).toEqual(tensor(file, each).shape)
      expect(apart(data, tensor(file, each)), each).toBeLessThan(tolerance)
    }
    await program.dispose()
    await state.dispose()
  })
})

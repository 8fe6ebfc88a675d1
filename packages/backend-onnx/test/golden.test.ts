import { onnxBackend } from "@vitrine/backend-onnx/node"
import {
  type Backend,
  gradients,
  graph,
  type HostData,
  ops,
  rootScope,
  type Tensor,
  type TensorType,
  vit,
  vitConfig,
} from "@vitrine/core"
import { apart, golden, goldenNames, tensor } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const models = ["vit-", "hybrid-", "rotary-"].flatMap(goldenNames).filter((name) => "logits" in golden(name).tensors)
/** One model of each way in which something is summed over a batch: heads, pools, tokens, gates and convolutions. */
const slicedModels = ["vit-token", "vit-average", "vit-map-prefix", "vit-distilled", "vit-swiglu", "hybrid-stages"]

for (const [sliceRows, names] of [
  [Number.POSITIVE_INFINITY, models],
  [1, slicedModels],
] as const)
  describe(`timm's and Google's ViTs in slices of ${sliceRows} rows`, () => {
    let backend: Backend
    beforeAll(async () => {
      backend = await onnxBackend({ worker: false, sliceRows })
    })
    afterAll(() => backend.close())

    it.each(names)("%s", async (name) => {
      const file = golden(name)
      const config = vitConfig(file.json.config)
      const parameters = new Map<string, Tensor>()
      const param = ({ name, shape }: { name: string; shape: readonly number[] }): Tensor => {
        const known = parameters.get(name) ?? ops.state(name, shape)
        parameters.set(name, known)
        return known
      }
      const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
      const logits = vit(rootScope({ param }), images, config)
      const targets = ops.input("targets", logits.shape)
      const weights = ops.input("weights", ["batch"])
      const losses = ops.softmaxCrossEntropy(logits, targets)
      const loss = ops.div(ops.sum(ops.mul(losses, weights)), ops.sum(weights))
      const grads = gradients([loss], [...parameters.values()])
      const named = Object.fromEntries([...parameters.keys()].map((each, i) => [`grad.${each}`, grads[i] as Tensor]))

      const program = await backend.compile(graph({ outputs: { logits, loss, ...named } }), { batch: 3 })
      const slots: Record<string, TensorType> = {}
      const values: Record<string, HostData> = {}
      for (const [each, { shape }] of parameters) {
        slots[each] = { shape, dtype: "float32" }
        values[each] = tensor(file, `param.${each}`).data
      }
      const state = await backend.createState(slots, values)
      const inputs = Object.fromEntries(["images", "targets", "weights"].map((each) => [each, tensor(file, each).data]))
      const results = await program.run(inputs, state)
      expect(results["loss"]?.data[0]).toBeCloseTo(file.json.loss, 5)
      for (const [each, { data }] of Object.entries(results)) {
        if (each === "loss") continue
        const expected = tensor(file, each)
        expect(apart(data, expected), each).toBeLessThan(1e-5)
      }
      await program.dispose()
      await state.dispose()
    })
  })

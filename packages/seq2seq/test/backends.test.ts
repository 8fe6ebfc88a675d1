import "@tensorflow/tfjs-backend-cpu"
import * as tf from "@tensorflow/tfjs-core"
import { tfjsBackend } from "@vitrine/backend-tfjs"
import { nodeDevice, webgpuBackend } from "@vitrine/backend-webgpu/node"
import { type Backend, gradients, graph, ops, rootScope, type Tensor } from "@vitrine/core"
import { apart, golden, tensor } from "@vitrine/golden"
import { describe, expect, it } from "vitest"
import { useSwiftShader } from "../../../tooling/browser/swiftshader.mjs"
import { createDecoder, seq2seqConfig, seq2seqParameters, textObjective } from "../src/index.ts"
import { leaves, stateOf, stripped } from "./golden.ts"

const swiftShader = useSwiftShader() ? "" : "no SwiftShader: install Chromium, which brings it"
const backends = [
  {
    name: "tfjs",
    reason: "",
    searches: [0, 1],
    start: async (): Promise<Backend> => {
      await tf.setBackend("cpu")
      return tfjsBackend(tf)
    },
  },
  {
    name: "webgpu on SwiftShader",
    reason: swiftShader,
    // By beams alone: a number of beams is two programs more to compile.
    searches: [1],
    start: async (): Promise<Backend> => webgpuBackend({ device: await nodeDevice({ software: true }) }),
  },
]

describe.each(backends)("on $name", ({ reason, searches, start }) => {
  const test = reason === "" ? it : it.skip
  const file = golden("seq2seq-image")
  const config = seq2seqConfig(file.json.config)
  const inputs = {
    source: Float32Array.from(tensor(file, "source").data),
    padding: Uint8Array.from(tensor(file, "padding").data),
    targets: Int32Array.from(tensor(file, "labels").data),
    weights: Float32Array.from(tensor(file, "weights").data),
  }

  test(`it learns and decodes as on PyTorch ${reason}`, { timeout: 300_000 }, async () => {
    const backend = await start()
    const { param, made } = leaves()
    const rows = textObjective(config, file.json.smoothing).rows(rootScope({ param }))
    const loss = ops.div(ops.sum(ops.mul(rows.losses, rows.weights)), ops.sum(rows.weights))
    const grads = gradients([loss], [...made.values()])
    const named = Object.fromEntries([...made.keys()].map((each, i) => [`grad.${each}`, grads[i] as Tensor]))
    const program = await backend.compile(graph({ outputs: { loss, ...named } }), { batch: 3 })
    const state = await stateOf(backend, seq2seqParameters(config), file)
    const { loss: own, ...results } = await program.run(inputs, state)
    expect(Math.abs((own?.data[0] as number) / file.json.loss - 1)).toBeLessThan(1e-5)
    for (const [each, { data }] of Object.entries(results))
      expect(apart(data, tensor(file, each)), each).toBeLessThan(1e-4)
    await program.dispose()
    await state.dispose()

    const decoding = createDecoder(backend, config, stripped(file, "trained."))
    for (const index of searches) {
      const { hypotheses, ...options } = file.json.searches[index]
      const found = await decoding.decode(inputs.source, 3, { ...options, padding: inputs.padding })
      const texts = (all: readonly (readonly { readonly tokens: readonly number[] }[])[]): object[] =>
        all.map((each) => each.map(({ tokens }) => tokens))
      expect(texts(found)).toEqual(texts(hypotheses))
    }
    await decoding.dispose()
    await backend.close()
  })
})

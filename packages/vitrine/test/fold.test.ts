import { referenceBackend } from "@vitrine/backend-reference"
import { foldKey, graph, keyFromSeed, ops, rootScope, randomStream, vit, vitConfig } from "@vitrine/core"
import { bitConfig, initializeBiT, bitModel } from "@vitrine/resnet"
import { expect, test } from "vitest"
import { foldConstants } from "../src/fold.ts"

const random = randomStream(foldKey(keyFromSeed(0), "fold"))
const images = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal())

test("what follows from constants is computed beforehand, to the same result", async () => {
  const config = bitConfig({ imageSize: [13, 16], stemWidth: 8, widths: [32], depths: [2], groups: 2, classes: 3 })
  const model = bitModel(config)
  // So small that float16 would have no variance of them.
  const small = Object.entries(initializeBiT(model.parameters, keyFromSeed(1))).map(([name, values]) =>
    name.includes("conv") ? [name, values.map((x) => 1e-3 * x)] : [name, values],
  )
  const constants: Record<string, Float32Array> = Object.fromEntries(small)
  const whole = graph({ outputs: { logits: model.forward(rootScope(), ops.input("images", ["batch", 13, 16, 3])) } })
  const folded = foldConstants(whole, constants)
  const count = (g: typeof whole, ...names: string[]): number => g.nodes.filter(({ op }) => names.includes(op)).length
  expect(count(whole, "layerNorm")).toBeGreaterThan(0)
  expect(count(folded.graph, "layerNorm")).toBe(0)
  expect(count(folded.graph, "conv2d")).toBe(count(whole, "conv2d"))
  expect(Object.keys(folded.constants).toSorted()).toEqual(Object.keys(folded.graph.states).toSorted())
  expect(folded.constants["stem.conv.weight"]).toBeUndefined()
  const inputs = { images: images(2 * 13 * 16 * 3) }
  const results = await Promise.all(
    [{ graph: whole, constants }, folded].map(async ({ graph, constants }) => {
      const program = await referenceBackend().compile(graph, { batch: 2, constants })
      return [...((await program.run(inputs)).logits?.data ?? [])]
    }),
  )
  expect(results[0]).toHaveLength(6)
  for (const [i, x] of (results[0] ?? []).entries()) expect(results[1]?.[i]).toBeCloseTo(x, 6)
})

test("a model that computes nothing of its weights stays as it is", () => {
  const config = vitConfig({ imageSize: [8, 8], patchSize: [4, 4], dim: 8, depth: 1, heads: 2, classes: 3 })
  const whole = graph({ outputs: { logits: vit(rootScope(), ops.input("images", ["batch", 8, 8, 3]), config) } })
  const constants = Object.fromEntries(Object.keys(whole.states).map((name) => [name, new Float32Array(0)]))
  const folded = foldConstants(whole, constants)
  expect(folded.graph).toEqual(whole)
  expect(folded.constants).toEqual(constants)
})

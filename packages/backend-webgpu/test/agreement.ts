import { type Backend, initializeViT, keyFromSeed, type ViTConfig, vitConfig, vitParameters } from "@vitrine/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { inferGraph, slotsOf, trainGraph } from "./steps.ts"

const config = vitConfig({
  imageSize: [8, 8],
  patchSize: [4, 4],
  dim: 16,
  depth: 1,
  heads: 2,
  mlpDim: 32,
  classes: 5,
})

/** Registers tests that two ways to compute give the same logits, loss and next parameters. */
export function agreement(
  name: string,
  makeOne: () => Promise<Backend>,
  makeOther: (one: Backend) => Promise<Backend>,
): void {
  describe(name, () => {
    let one: Backend
    let other: Backend
    beforeAll(async () => {
      one = await makeOne()
      other = await makeOther(one)
    })
    afterAll(async () => {
      await other.close()
      await one.close()
    })

    it("agree on logits", async () => {
      const [ours, theirs] = await Promise.all([logits(config, one), logits(config, other)])
      ours.forEach((value, i) => expect(Math.abs(value - (theirs[i] as number))).toBeLessThan(1e-5))
    })

    it("agree on a training step", async () => {
      const [ours, theirs] = await Promise.all([step(config, one), step(config, other)])
      const apart = ours.map((value, i) => Math.abs(value - (theirs[i] as number)))
      expect(apart[0]).toBeLessThan(1e-5)
      // The first step of Adam divides a gradient by itself: where it is nothing but rounding, anything may come out.
      expect(apart.filter((each) => each > 1e-5).length).toBeLessThan(ours.length / 200)
    })
  })
}

const images = Float32Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => Math.sin(i))

async function logits(model: ViTConfig, backend: Backend): Promise<number[]> {
  const parameters = initializeViT(vitParameters(model), model, "fan", keyFromSeed(3))
  const program = await backend.compile(inferGraph(model), { batch: 2, constants: parameters })
  const result = await program.run({ images })
  await program.dispose()
  return Array.from(result.logits?.data ?? [])
}

/** The loss, and all slots after a step. */
async function step(model: ViTConfig, backend: Backend): Promise<number[]> {
  const g = trainGraph(model)
  const types = slotsOf(g)
  const state = await backend.createState(types, initializeViT(vitParameters(model), model, "fan", keyFromSeed(3)))
  const program = await backend.compile(g, { batch: 2 })
  const { loss } = await program.run(
    {
      images,
      targets: Float32Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 0),
      total: Float32Array.of(2),
      stepSize: Float32Array.of(0.01),
      correction: Float32Array.of(1.1),
      decay: Float32Array.of(0.99),
    },
    state,
  )
  const values = await Promise.all(Object.keys(types).map((name) => state.read(name)))
  await program.dispose()
  await state.dispose()
  return [loss?.data[0] as number, ...values.flatMap((each) => Array.from(each))]
}

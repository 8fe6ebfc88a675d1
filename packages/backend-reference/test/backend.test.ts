import { graph, ops } from "@vitrine/core"
import { expect, test } from "vitest"
import { referenceBackend } from "../src/index.ts"

const x = ops.input("x", ["batch", 2])
const w = ops.state("w", [2])
const g = graph({ outputs: { y: ops.mul(x, w) }, updates: { w: ops.mul(w, w) } })
const { compile, createState } = referenceBackend()

test("computes in float64", async () => {
  const program = await compile(g, { batch: 1 })
  const state = await createState({ w: { shape: [2], dtype: "float32" } }, { w: Float64Array.of(1 / 3, 0.1) })
  const { y } = await program.run({ x: Float64Array.of(0.1, 3) }, state)
  expect(y?.data).toEqual(Float64Array.of(0.1 / 3, 0.1 * 3))
  expect(await state.read("w")).toEqual(Float64Array.of((1 / 3) * (1 / 3), 0.1 * 0.1))
})

test("constants stand for states, and stay", async () => {
  const fixed = graph({ outputs: { y: ops.mul(x, w) } })
  const program = await compile(fixed, { batch: 2, constants: { w: Float32Array.of(2, 3) } })
  for (let i = 0; i < 2; i++)
    expect((await program.run({ x: Float32Array.of(1, 2, 3, 4) })).y).toEqual({
      data: Float64Array.of(2, 6, 6, 12),
      shape: [2, 2],
    })
})

test("refuses in one line what does not fit", async () => {
  const program = await compile(g, { batch: 1 })
  const state = await createState({ w: { shape: [2], dtype: "float32" } })
  await expect(program.run({}, state)).rejects.toThrow('reference: input "x" is missing')
  await expect(program.run({ x: new Float32Array(3) }, state)).rejects.toThrow(
    'reference: input "x" needs 2 values for [1, 2], got 3',
  )
  await expect(program.run({ x: new Float32Array(2) })).rejects.toThrow('reference: state "w" is missing')
  await expect(state.write("v", new Float32Array(2))).rejects.toThrow('reference: no state slot "v"')
  await expect(state.read("v")).rejects.toThrow('reference: no state slot "v"')
})

import { graph, ops } from "@vitrine/core"
import { expect, it } from "vitest"
import { type Binding, loadBinding, type NodeBackend, tensorFlowBackend } from "../src/index.ts"
import { withAddon } from "./addon.ts"

interface Held {
  readonly id: number
  readonly shape: readonly number[]
  readonly dtype: string
}

/** What tfjs-node's `tf.backend()` does with tensors. */
const tfjs = (binding: Binding): NodeBackend<Held> => ({
  binding,
  getInputTensorIds: (tensors) => tensors.map(({ id }) => id),
  createOutputTensor: ({ id, shape }) => ({ id, shape, dtype: "float32" }),
})

withAddon("tensors in and out", (addon) => {
  const binding = loadBinding(addon)
  const tf = tfjs(binding)
  const held = (data: Float32Array, shape: readonly number[]): Held => ({
    id: binding.createTensor(shape, 1, data),
    shape,
    dtype: "float32",
  })
  const x = ops.input("x", ["batch", 2])
  const w = ops.state("w", [2, 2])
  const y = ops.matMul(x, w)
  const source = graph({ outputs: { y }, updates: { w: ops.add(w, 1) } })

  it("computes on tensors that TensorFlow holds, and leaves them", async () => {
    const before = binding.getNumOfTensors()
    const backend = tensorFlowBackend(binding)
    const program = await backend.compile(source, { batch: 1 })
    const state = await backend.createState(
      { w: { shape: [2, 2], dtype: "float32" } },
      { w: Float32Array.of(1, 0, 0, 1) },
    )
    const given = held(Float32Array.of(3, 4), [1, 2])
    const first = program.runTensors(tf, { x: given }, state)
    expect([...binding.tensorDataSync(first.y?.id as number)]).toEqual([3, 4])
    const second = program.runTensors(tf, { x: given }, state)
    expect([...binding.tensorDataSync(second.y?.id as number)]).toEqual([10, 11])
    expect([...binding.tensorDataSync(given.id)]).toEqual([3, 4])

    const wide = held(new Float32Array(3), [1, 3])
    expect(() => program.runTensors(tf, { x: wide }, state)).toThrow(
      /input "x" is float32\[1, 3\].*wants float32\[1, 2\]/,
    )
    expect(() => program.runTensors(tf, {}, state)).toThrow(/input "x" is missing/)
    expect(() => program.runTensors(tfjs({ ...binding }), { x: given }, state)).toThrow(/another addon/)
    for (const { id } of [given, wide, first.y as Held, second.y as Held]) binding.deleteTensor(id)
    await program.dispose()
    await state.dispose()
    expect(binding.getNumOfTensors()).toBe(before)
  })

  it("rounds factors to bfloat16 where it is told to, and keeps constants in it", async () => {
    const n = 64
    const factor = Float32Array.from({ length: n * n }, (_, i) => 1 + (i % 7) / 1000)
    const product = graph({ outputs: { y: ops.matMul(ops.input("x", ["batch", n]), ops.state("w", [n, n])) } })
    const run = async (precision: "float32" | "bfloat16") => {
      const program = await tensorFlowBackend(binding, { precision }).compile(product, {
        batch: n,
        constants: { w: factor },
      })
      const { y: made } = await program.run({ x: factor })
      await program.dispose()
      return made?.data as Float32Array
    }
    const [exact, rounded] = [await run("float32"), await run("bfloat16")]
    const error = Math.max(...exact.map((value, i) => Math.abs(value - (rounded[i] as number)) / value))
    expect(error).toBeGreaterThan(1e-5)
    expect(error).toBeLessThan(2 ** -7)
  })
})

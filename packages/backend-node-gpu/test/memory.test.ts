import { graph, ops } from "@vitrine/core"
import { expect, it } from "vitest"
import { loadBinding, tensorFlowBackend } from "../src/index.ts"
import { withAddon } from "./addon.ts"

withAddon("memory", (addon) => {
  const binding = loadBinding(addon)
  const backend = tensorFlowBackend(binding)
  const w = ops.state("w", [64, 64])
  const x = ops.input("x", ["batch", 64])
  const y = ops.matMul(x, w)
  const step = graph({ outputs: { mean: ops.mean(y, [1]) }, updates: { w: ops.mul(w, 0.999) } })
  const look = graph({ outputs: { y } })

  it("holds as many tensors and sessions after 5,000 steps as after one, and none at the end", async () => {
    const before = [binding.getNumOfTensors(), binding.getNumOfSavedModels()]
    const state = await backend.createState({ w: { shape: [64, 64], dtype: "float32" } })
    const programs = [await backend.compile(step, { batch: 4 }), await backend.compile(look, { batch: 4 })] as const
    const inputs = { x: new Float32Array(256).fill(1) }
    await programs[0].run(inputs, state)
    const held = binding.getNumOfTensors()
    for (let i = 0; i < 5000; i++) await programs[0].run(inputs, state)
    expect(binding.getNumOfTensors()).toBe(held)
    // A reader that takes turns with a writer is given each new version.
    for (let i = 0; i < 100; i++) for (const program of programs) await program.run(inputs, state)
    expect(binding.getNumOfTensors()).toBe(held)
    for (const program of programs) await program.dispose()
    await state.dispose()
    expect([binding.getNumOfTensors(), binding.getNumOfSavedModels()]).toEqual(before)
  })

  it("keeps what a program has written when the program goes", async () => {
    const state = await backend.createState(
      { w: { shape: [64, 64], dtype: "float32" } },
      { w: new Float32Array(4096).fill(1) },
    )
    const program = await backend.compile(step, { batch: 1 })
    const { mean } = await program.run({ x: new Float32Array(64).fill(1) }, state)
    expect(mean?.data[0]).toBeCloseTo(64, 4)
    await program.dispose()
    expect((await state.read("w"))[0]).toBeCloseTo(0.999, 6)
    await state.dispose()
  })

  it("reads the values that it is given, not what becomes of their array", async () => {
    const values = new Float32Array(4096).fill(1)
    const state = await backend.createState({ w: { shape: [64, 64], dtype: "float32" } }, { w: values })
    values.fill(7)
    expect((await state.read("w"))[5]).toBe(1)
    await state.dispose()

    const keep = graph({ updates: { kept: ops.reshape(ops.input("given", [2, 2]), [4]) } })
    const kept = await backend.createState({ kept: { shape: [4], dtype: "float32" } })
    const program = await backend.compile(keep)
    const given = Float32Array.of(1, 2, 3, 4)
    await program.run({ given }, kept)
    given.fill(9)
    expect([...(await kept.read("kept"))]).toEqual([1, 2, 3, 4])
    await program.dispose()
    await kept.dispose()
  })
})

import "@tensorflow/tfjs-backend-cpu"
import * as tf from "@tensorflow/tfjs-core"
import { gradients, graph, ops, type Tensor } from "@vitrine/core"
import { beforeAll, describe, expect, it } from "vitest"
import { tfjsBackend } from "../src/index.ts"
import { wasm } from "./wasm.ts"

const { dropoutMask, input, linear, maximum, mul, relu, softmax, state, sub, sum } = ops

/** A training step that goes through kernels with values of their own inside. */
function step(): ReturnType<typeof graph> {
  const [x, w] = [input("x", ["batch", 3]), state("w", [4, 3])]
  const dropped = mul(softmax(relu(linear(x, w))), dropoutMask(input("key", [2], "int32"), "d", ["batch", 4], 0.5))
  const pooled = ops.maxPool2d(ops.reshape(dropped, ["batch", 2, 2, 1]), [2, 2])[0]
  const convolved = ops.conv2d(ops.reshape(dropped, ["batch", 2, 2, 1]), state("kernel", [2, 1, 2, 2]))
  const loss = maximum(ops.add(sum(pooled), sum(convolved)), -1)
  const [dw, dkernel] = gradients([loss], [w, state("kernel", [2, 1, 2, 2])]) as [Tensor, Tensor]
  return graph({
    outputs: { loss, x, again: loss },
    updates: { w: sub(w, mul(dw, 0.1)), seen: x, kernel: state("kernel", [2, 1, 2, 2]), dkernel },
  })
}

const slots = {
  w: { shape: [4, 3], dtype: "float32" },
  seen: { shape: [2, 3], dtype: "float32" },
  kernel: { shape: [2, 1, 2, 2], dtype: "float32" },
  dkernel: { shape: [2, 1, 2, 2], dtype: "float32" },
} as const

describe.each(["cpu", "wasm"])("tensors on %s", (device) => {
  beforeAll(async () => {
    if (device === "wasm") await wasm()
    else await tf.setBackend(device)
    expect(tfjsBackend(tf).device).toBe(device)
  })

  it("are as many after every step, and none are left in the end", async () => {
    const before = tf.memory().numTensors
    const backend = tfjsBackend(tf)
    const s = await backend.createState(slots)
    const program = await backend.compile(step(), { batch: 2 })
    expect(tf.memory().numTensors).toBe(before + 4)
    const run = (): Promise<unknown> => program.run({ x: new Float32Array(6).fill(1), key: Int32Array.of(1, 2) }, s)
    for (let i = 0; i < 20; i++) {
      await run()
      expect(tf.memory().numTensors).toBe(before + 4)
      expect(tf.memory().numDataBuffers).toBe(before + 4)
    }
    await Promise.all([run(), run(), s.read("w"), s.write("w", new Float32Array(12))])
    expect(tf.memory().numTensors).toBe(before + 4)
    await expect(program.run({ x: new Float32Array(5), key: Int32Array.of(1, 2) }, s)).rejects.toThrow("input")
    await expect(program.run({ x: new Float32Array(6), key: Int32Array.of(1, 2) })).rejects.toThrow("slot")
    expect(tf.memory().numTensors).toBe(before + 4)
    await program.dispose()
    await s.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it("of constants go with their program", async () => {
    const before = tf.memory().numTensors
    const g = graph({ outputs: { y: linear(input("x", [1, 3]), state("w", [4, 3])) } })
    const program = await tfjsBackend(tf).compile(g, {
      constants: { w: new Float32Array(12), spare: new Float32Array(9) },
    })
    expect(tf.memory().numTensors).toBe(before + 1)
    await program.run({ x: new Float32Array(3) })
    await program.dispose()
    expect(tf.memory().numTensors).toBe(before)
    await program.dispose()
    await expect(program.run({ x: new Float32Array(3) })).rejects.toThrow("tfjs: the program has been disposed of")
  })

  it("survive a tidy of the caller's", async () => {
    const backend = tfjsBackend(tf)
    const s = await backend.createState(slots, { w: new Float32Array(12).fill(2) })
    tf.tidy(() => void s.write("w", new Float32Array(12).fill(3)))
    expect((await s.read("w"))[0]).toBe(3)
    await s.dispose()
  })
})

describe("what tfjs cannot do is told", () => {
  const backend = tfjsBackend(tf)
  it("16-bit tensors", async () => {
    const g = graph({ outputs: { y: ops.cast(input("x", [2]), "bfloat16") } })
    await expect(backend.compile(g)).rejects.toThrow("tfjs: it has no bfloat16 tensors; keep this graph in float32")
  })
  it("weights in a file", async () => {
    const g = graph({ outputs: { y: relu(state("w", [2])) } })
    const w = { path: "model.safetensors", offset: 8, length: 8 }
    await expect(backend.compile(g, { constants: { w } })).rejects.toThrow(
      'tfjs: constant "w" must be given as values, not as a file',
    )
  })
  it("dropout by a computed key", async () => {
    const key = ops.reshape(input("keys", [2, 1], "int32"), [2])
    await expect(backend.compile(graph({ outputs: { m: dropoutMask(key, "m", [3], 0.5) } }))).rejects.toThrow("key")
  })
})

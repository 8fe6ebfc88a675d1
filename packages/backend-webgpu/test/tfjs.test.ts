import * as tf from "@tensorflow/tfjs-core"
import { conformance } from "@vitrine/conformance"
import { graph, ops } from "@vitrine/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type WebGpuBackend, webgpuBackend } from "../src/node.ts"
import { runTensors, shareDevice } from "../src/tfjs.ts"
import { agreement } from "./agreement.ts"
import { plainBackend } from "./plain.ts"
import { inexactSines, plainSkips } from "./skips.ts"
import { hasSwiftShader, noSwiftShader, swiftShaderDevice } from "./swiftshader.ts"

let device: Promise<GPUDevice> | undefined
async function shared(): Promise<WebGpuBackend> {
  device ??= swiftShaderDevice()
  return webgpuBackend({ device: await device })
}

if (hasSwiftShader)
  conformance("tfjs on our device", async () => plainBackend(tf, await shared()), {
    skip: { ...plainSkips, ...inexactSines },
    subset: "smoke",
  })
else describe.skip(`tfjs on our device (${noSwiftShader})`, () => {})

if (hasSwiftShader) agreement("compiled and plain", shared, (compiled) => plainBackend(tf, compiled as WebGpuBackend))

describe.skipIf(!hasSwiftShader)("compiled and plain", () => {
  let compiled: WebGpuBackend
  beforeAll(async () => {
    compiled = await shared()
    await shareDevice(tf, compiled)
  })
  afterAll(() => compiled.close())

  // tfjs keeps small tensors on the host.
  it.each([4, 70])("meet in tensors, which stay on the device: 30 rows of %i", async (width) => {
    const x = ops.input("x", [30, width])
    const g = graph({ outputs: { y: ops.softmax(x), positive: ops.greater(x, 0) }, updates: { seen: x } })
    const program = await compiled.compile(g)
    const state = await compiled.createState({ seen: { shape: [30, width], dtype: "float32" } })
    const before = tf.memory().numTensors
    const given = tf.tidy(() => tf.mul(tf.sin(tf.reshape(tf.range(0, 30 * width), [30, width])), 2))
    const { y, positive } = (await runTensors(tf, program, { x: given }, state)) as {
      y: tf.Tensor
      positive: tf.Tensor
    }
    const twice = tf.add(y, y)
    const expected = tf.tidy(() => tf.mul(tf.softmax(given), 2))
    const values = await given.data()
    const [a, b, c] = [await twice.data(), await expected.data(), await positive.data()]
    a.forEach((value, i) => expect(value).toBeCloseTo(b[i] as number, 6))
    expect(Array.from(c)).toEqual(Array.from(values, (value) => (value > 0 ? 1 : 0)))
    expect(Array.from(await state.read("seen"))).toEqual(Array.from(values))
    tf.dispose([given, twice, expected, y, positive])
    expect(tf.memory().numTensors).toBe(before)
    const wrong = tf.zeros([2])
    await expect(runTensors(tf, program, { x: wrong }, state)).rejects.toThrow('input "x" needs')
    wrong.dispose()
    await program.dispose()
    await state.dispose()
  })
})

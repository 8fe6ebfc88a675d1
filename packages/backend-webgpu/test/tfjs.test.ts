import * as tf from "@tensorflow/tfjs-core"
import { conformance } from "@vitrine/conformance"
import {
  type Backend,
  graph,
  initialize,
  keyFromSeed,
  ops,
  type TensorType,
  vitConfig,
  vitParameters,
} from "@vitrine/core"
import { golden } from "@vitrine/golden"
import { trainingParity } from "@vitrine/parity"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type WebGpuBackend, webgpuBackend } from "../src/node.ts"
import { plainBackend, runTensors } from "../src/tfjs.ts"
import { trainGraph } from "./steps.ts"
import { hasSwiftShader, noSwiftShader, swiftShaderDevice } from "./swiftshader.ts"

const skip = {
  "storage dtypes": "tfjs has no 16-bit floats",
  "constants from a file": "tfjs copies weights to its device",
}

let device: Promise<GPUDevice> | undefined
async function shared(): Promise<WebGpuBackend> {
  device ??= swiftShaderDevice()
  return webgpuBackend({ device: await device })
}

if (hasSwiftShader) conformance("tfjs on our device", async () => plainBackend(tf, await shared()), { skip })
else describe.skip(`tfjs on our device (${noSwiftShader})`, () => {})

describe.skipIf(!hasSwiftShader)("plain and compiled", () => {
  let compiled: WebGpuBackend
  let plain: Backend
  beforeAll(async () => {
    compiled = await shared()
    plain = await plainBackend(tf, compiled)
  })
  afterAll(() => compiled.close())

  it("agree on a training step", async () => {
    const config = vitConfig({
      imageSize: [8, 8],
      patchSize: [4, 4],
      dim: 16,
      depth: 1,
      heads: 2,
      mlpDim: 32,
      classes: 5,
    })
    const g = trainGraph(config)
    const types = Object.fromEntries(
      Object.entries(g.states).map(([name, value]) => [name, g.values[value] as TensorType]),
    )
    const parameters = initialize(vitParameters(config), config, "fan", keyFromSeed(3))
    const scalars = { stepSize: Float32Array.of(0.01), correction: Float32Array.of(1.1), decay: Float32Array.of(0.99) }
    const images = Float32Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => Math.sin(i))
    const inputs = {
      images,
      targets: Float32Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 0),
      total: Float32Array.of(2),
      ...scalars,
    }
    const follow = async (backend: Backend): Promise<number[]> => {
      const state = await backend.createState(types, parameters)
      const program = await backend.compile(g, { batch: 2 })
      const { loss } = await program.run(inputs, state)
      const values = await Promise.all(Object.keys(types).map((name) => state.read(name)))
      await program.dispose()
      await state.dispose()
      return [loss?.data[0] as number, ...values.flatMap((each) => Array.from(each))]
    }
    const [ours, theirs] = [await follow(compiled), await follow(plain)]
    const apart = ours.map((value, i) => Math.abs(value - (theirs[i] as number)))
    // The first step of Adam divides a gradient by itself: where it is nothing but rounding, anything may come out.
    expect(apart.filter((each) => each > 1e-5).length).toBeLessThan(ours.length / 200)
    expect(apart[0]).toBeLessThan(1e-5)
  })

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

if (hasSwiftShader)
  trainingParity("tfjs on our device", async () => plainBackend(tf, await shared()), {
    "training-adamw": async () => golden("training-adamw"),
    "training-sgd-clip": async () => golden("training-sgd-clip"),
  })

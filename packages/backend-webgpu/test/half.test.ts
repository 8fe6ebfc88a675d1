import { type Backend, graph, initializeViT, keyFromSeed, ops, vitConfig, vitParameters } from "@vitrine/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { nodeDevice, webgpuBackend } from "../src/node.ts"
import { inferGraph, slotsOf, trainGraph } from "./steps.ts"
import { hasSwiftShader } from "./swiftshader.ts"

const config = vitConfig({
  imageSize: [16, 16],
  patchSize: [4, 4],
  dim: 32,
  depth: 2,
  heads: 2,
  mlpDim: 64,
  classes: 8,
})
const batch = 4
const drawn = initializeViT(vitParameters(config), config, "fan", keyFromSeed(3))
// A head starts at 0, and so would the logits.
const parameters = { ...drawn, "head.weight": drawn["head.weight"]?.map((_, i) => Math.sin(i) / 4) as Float32Array }
const images = Float32Array.from({ length: batch * 16 * 16 * 3 }, (_, i) => Math.sin(i))

/** Whether the adapter at hand stores float16; Mesa's lavapipe does, which `VK_ICD_FILENAMES` can name. */
const device = hasSwiftShader ? await nodeDevice({ software: true }) : undefined
const hasHalf = device?.features.has("shader-f16") === true

async function logits(backend: Backend): Promise<number[]> {
  const program = await backend.compile(inferGraph(config), { batch, constants: parameters })
  const { logits } = await program.run({ images })
  await program.dispose()
  return Array.from(logits?.data ?? [])
}

/** Losses of steps, and the parameters after them. */
async function follow(backend: Backend, steps: number): Promise<{ losses: number[]; head: number[] }> {
  const g = trainGraph(config)
  const state = await backend.createState(slotsOf(g), parameters)
  const program = await backend.compile(g, { batch })
  const losses: number[] = []
  for (let t = 1; t <= steps; t++) {
    const { loss } = await program.run(
      {
        images,
        targets: Float32Array.from({ length: batch * 8 }, (_, i) => (i % 9 === 0 ? 1 : 0)),
        total: Float32Array.of(batch),
        stepSize: Float32Array.of(0.002 / (1 - 0.9 ** t)),
        correction: Float32Array.of(1 / Math.sqrt(1 - 0.999 ** t)),
        decay: Float32Array.of(1),
      },
      state,
    )
    losses.push(loss?.data[0] as number)
  }
  const head = Array.from(await state.read("head.weight"))
  await program.dispose()
  await state.dispose()
  return { losses, head }
}

describe("storage in float16", () => {
  it("is made of valid kernels, and takes half the memory of activations", async () => {
    const [half, whole] = await Promise.all(
      (["float16", "float32"] as const).map((precision) =>
        webgpuBackend({ software: true, dawn: ["backend=null"], precision }),
      ),
    )
    const bytes: number[] = []
    for (const backend of [half, whole] as Backend[]) {
      for (const g of [inferGraph(config), trainGraph(config)]) {
        const program = await backend.compile(g, { batch: 64 })
        bytes.push((program as unknown as { cost: { bytes: number } }).cost.bytes)
        await program.dispose()
      }
      await follow(backend, 1)
      await logits(backend)
      await backend.close()
    }
    const [infer, train, wideInfer, wideTrain] = bytes as [number, number, number, number]
    // Images come in as they are.
    const inputs = 4 * 64 * 16 * 16 * 3
    expect(infer - inputs).toBeLessThan(0.7 * (wideInfer - inputs))
    expect(train - inputs).toBeLessThan(0.65 * (wideTrain - inputs))
  })

  it("is refused where a device cannot", async ({ skip }) => {
    if (device === undefined || hasHalf) skip("needs a device without shader-f16")
    await expect(webgpuBackend({ device: device as GPUDevice, precision: "float16" })).rejects.toThrow(
      /^webgpu: .* has no shader-f16, which storage in float16 needs: use float32$/,
    )
  })
})

describe.skipIf(!hasHalf)("storage in float16 (where a driver has shader-f16, as Mesa's lavapipe)", () => {
  let half: Backend
  let whole: Backend
  beforeAll(async () => {
    half = await webgpuBackend({ device: device as GPUDevice, precision: "float16" })
    whole = await webgpuBackend({ device: device as GPUDevice })
  })
  afterAll(async () => {
    await half.close()
    await whole.close()
  })

  it("changes logits in the third decimal", async () => {
    const [narrow, wide] = [await logits(half), await logits(whole)]
    const apart = narrow.map((value, i) => Math.abs(value - (wide[i] as number)))
    const largest = Math.max(...wide.map(Math.abs))
    expect(Math.max(...apart)).toBeLessThan(4e-3 * largest)
    expect(Math.max(...apart)).toBeGreaterThan(0)
  })

  it("follows the losses of training", async () => {
    const [narrow, wide] = [await follow(half, 20), await follow(whole, 20)]
    narrow.losses.forEach((loss, i) =>
      expect(Math.abs(loss - (wide.losses[i] as number))).toBeLessThan(0.01 * (wide.losses[0] as number)),
    )
    expect(narrow.losses.at(-1)).toBeLessThan(0.5 * (narrow.losses[0] as number))
  })

  it("makes what is too large infinite", async () => {
    const x = ops.input("x", ["batch", 64])
    const weight = ops.state("w", [64, 64])
    const y = ops.sum(ops.linear(ops.gelu(ops.linear(x, weight)), weight), [1])
    const program = await half.compile(graph({ outputs: { y } }), {
      batch: 2,
      constants: { w: new Float32Array(64 * 64).fill(1) },
    })
    const { y: sums } = await program.run({ x: Float32Array.from({ length: 128 }, (_, i) => (i < 64 ? 1 : 1000)) })
    expect(sums?.data[0]).toBe(64 ** 3)
    expect(sums?.data[1]).toBe(Number.POSITIVE_INFINITY)
    await program.dispose()
  })
})

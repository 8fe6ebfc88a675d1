import { type Backend, type Graph, gradients, graph, ops, type Tensor, type TensorType, vitConfig } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { nodeDevice } from "../src/node.ts"
import { planOf, type PlanLimits } from "../src/plan/plan.ts"
import { accessOf } from "../src/run/bind.ts"
import { Gpu } from "../src/run/gpu.ts"
import { compileProgram } from "../src/run/compile.ts"
import { sideBySide } from "../src/run/subgroups.ts"
import { inferGraph, trainGraph } from "./steps.ts"
import { hasSwiftShader, noSwiftShader, swiftShaderDevice } from "./swiftshader.ts"

const limits: PlanLimits = { bindings: 8, largest: 2 ** 27, workgroupMemory: 16384, subgroup: 0 }
const config = vitConfig({
  imageSize: [16, 16],
  patchSize: [8, 8],
  dim: 192,
  depth: 1,
  heads: 2,
  mlpDim: 64,
  classes: 300,
})

it.each([4, 32, 64, 128])("are asked for in valid kernels: %i threads", async (subgroup) => {
  const gpu = new Gpu(await nodeDevice({ software: true, dawn: ["backend=null"] }))
  let asking = 0
  for (const g of [inferGraph(config), trainGraph(config)])
    for (const dispatch of planOf(g, 3, {}, { ...limits, subgroup }).dispatches) {
      if (dispatch.kind !== "kernel") continue
      const { label, code, bindings } = dispatch.kernel
      await gpu.pipeline(label, code, accessOf(bindings))
      if (code.startsWith("enable subgroups;")) asking++
    }
  expect(asking).toBeGreaterThan(10)
  gpu.close(true)
})

describe.skipIf(!hasSwiftShader)(`subgroups${hasSwiftShader ? "" : ` (${noSwiftShader})`}`, () => {
  let gpu: Gpu
  let subgroup: number
  beforeAll(async () => {
    gpu = new Gpu(await swiftShaderDevice())
    subgroup = await sideBySide(gpu)
  })
  afterAll(() => gpu.close(true))

  const results = async (g: Graph, own: Partial<PlanLimits>): Promise<number[]> => {
    const program = await compileProgram(gpu, g, {}, { ...limits, ...own })
    const inputs = Object.fromEntries(
      Object.entries(g.inputs).map(([name, value]) => {
        const { shape } = g.values[value] as TensorType
        const size = elementCount(shape)
        return [name, Float32Array.from({ length: size }, (_, i) => Math.sin(i * (name.length + 1)))]
      }),
    )
    const found = await program.run(inputs)
    await program.dispose()
    return Object.values(found).flatMap(({ data }) => Array.from(data))
  }

  it("are looked for, and told", async () => {
    expect(subgroup).toBeGreaterThanOrEqual(4)
    const backend: Backend & { report?: unknown } = await (await import("../src/node.ts")).webgpuBackend({
      device: gpu.device,
    })
    expect(backend.report).toMatchObject({ kernels: { reductions: `subgroups of ${subgroup}` } })
  })

  const { input } = ops
  const [q, k, v] = ["q", "kk", "vvv"].map((name) => input(name, [2, 20, 96])) as [Tensor, Tensor, Tensor]
  const [rows, gain, shift] = [input("rows", [9, 150]), input("gain", [150]), input("shift", [150])]
  const cases: Record<string, readonly [Tensor, readonly Tensor[]]> = {
    "softmax of narrow rows": [ops.softmax(input("x", [7, 12])), []],
    "softmax of wide rows": [ops.softmax(input("x", [7, 1030])), []],
    "layerNorm and its gradients": [ops.layerNorm(rows, gain, shift, 1e-6).y, [rows, gain, shift]],
    "sums and the largest": [ops.add(ops.sum(input("x", [3, 700]), [1]), ops.max(input("x", [3, 700]), [1])), []],
    "attention over wide heads, and its gradients": [ops.attention(q, k, v, 0.1).context, [q, k, v]],
  }
  it.each(Object.entries(cases))("agree with workgroup memory: %s", async (_, [y, wrt]) => {
    const grads = gradients([y], wrt, [ops.input("dy", y.shape)])
    const g = graph({ outputs: { y, ...Object.fromEntries(grads.map((t, i) => [`grad${i}`, t])) } })
    const [near, far] = [await results(g, { subgroup }), await results(g, { subgroup: 0 })]
    expect(near.length).toBeGreaterThan(0)
    near.forEach((value, i) => expect(Math.abs(value - (far[i] as number))).toBeLessThan(2e-5))
  })

  const heads = (name: string, shape: number[], order: number[]): Tensor => ops.transpose(input(name, shape), order)
  const products: Record<string, readonly Tensor[]> = {
    "of whole vectors": [ops.matMul(input("a", [12, 40]), input("b", [40, 36]))],
    "of rows that no vector fits": [ops.matMul(input("a", [2, 13, 11]), input("b", [2, 11, 7]))],
    "of large tiles": [ops.add(ops.matMul(input("a", [70, 30]), input("b", [30, 66])), input("bias", [66]))],
    "with both factors turned": [ops.matMul(heads("a", [30, 68], [1, 0]), heads("b", [72, 30], [1, 0]))],
    "of heads side by side, put together again": [
      ops.reshape(
        ops.transpose(ops.matMul(heads("a", [9, 3, 8], [1, 0, 2]), heads("b", [12, 3, 8], [1, 2, 0])), [1, 0, 2]),
        [9, 36],
      ),
    ],
    "with the sums of rows": [
      ops.matMul(heads("a", [33, 70], [1, 0]), input("b", [33, 65])),
      ops.sum(input("a", [33, 70]), [0]),
    ],
  }
  it.each(Object.entries(products))("or no memory of the workgroup are needed for products: %s", async (_, made) => {
    const g = graph({ outputs: Object.fromEntries(made.map((y, i) => [`y${i}`, y])) })
    const expected = await results(g, {})
    expect(expected.every(Number.isFinite)).toBe(true)
    for (const own of [{ subgroup }, { subgroup: 0 }]) {
      const found = await results(g, { ...own, cpu: true })
      found.forEach((value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan(2e-5))
    }
  })
})

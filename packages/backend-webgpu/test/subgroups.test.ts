import {
  type Backend,
  elementCount,
  type Graph,
  gradients,
  graph,
  ops,
  type Tensor,
  type TensorType,
  vitConfig,
} from "@vitrine/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { nodeDevice } from "../src/node.ts"
import { planOf, type PlanLimits } from "../src/plan/plan.ts"
import { accessOf } from "../src/run/bind.ts"
import { Gpu } from "../src/run/gpu.ts"
import { GpuProgram } from "../src/run/program.ts"
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

  const results = async (g: Graph, own: number): Promise<number[]> => {
    const program = await GpuProgram.compile(gpu, g, {}, { ...limits, subgroup: own })
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
    const [near, far] = [await results(g, subgroup), await results(g, 0)]
    expect(near.length).toBeGreaterThan(0)
    near.forEach((value, i) => expect(Math.abs(value - (far[i] as number))).toBeLessThan(2e-5))
  })
})

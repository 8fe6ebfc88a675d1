import { type Graph, vitVariant } from "@vitrine/core"
import { beforeAll, describe, expect, it } from "vitest"
import { webgpuBackend } from "../src/node.ts"
import { inferGraph, slotsOf, small, trainGraph } from "./steps.ts"

// What a step asks of a device once it runs, counted on Dawn's null adapter, which computes nothing.

const counted = [
  ["GPUComputePassEncoder", "dispatchWorkgroups"],
  ["GPUQueue", "submit"],
  ["GPUQueue", "writeBuffer"],
  ["GPUDevice", "createBuffer"],
  ["GPUDevice", "createBindGroup"],
] as const
const counts: Record<string, number> = {}
let bytes = 0

beforeAll(async () => {
  const { globals } = await import("webgpu")
  type Sized = { readonly size: number }
  type Method = (this: Sized, ...args: Sized[]) => unknown
  const wrap = (type: string, method: string, seen: (self: Sized, args: readonly Sized[]) => void): void => {
    const { prototype } = (globals as unknown as Record<string, { prototype: Record<string, Method> }>)[type] as {
      prototype: Record<string, Method>
    }
    const own = prototype[method] as Method
    prototype[method] = function (...args) {
      seen(this, args)
      return own.apply(this, args)
    }
  }
  for (const [type, method] of counted)
    wrap(type, method, (_, [first]) => {
      counts[method] = (counts[method] ?? 0) + 1
      if (method === "createBuffer") bytes += first?.size ?? 0
    })
  wrap("GPUBuffer", "destroy", ({ size }) => (bytes -= size))
})

interface Steady {
  /** Calls a step. */
  readonly perStep: Readonly<Record<string, number>>
  /** Bytes of all buffers, after some steps and after many. */
  readonly held: readonly [number, number]
}

async function steady(g: Graph, batch: number, steps: number): Promise<Steady> {
  const backend = await webgpuBackend({ software: true, dawn: ["backend=null"] })
  const before = bytes
  const state = await backend.createState(slotsOf(g))
  const program = await backend.compile(g, { batch })
  const inputs = Object.fromEntries(
    Object.entries(g.inputs).map(([name, value]) => {
      const shape = g.values[value]?.shape ?? []
      return [name, new Float32Array(shape.reduce((n: number, dim) => n * (dim === "batch" ? batch : Number(dim)), 1))]
    }),
  )
  for (let i = 0; i < 3; i++) await program.run(inputs, state)
  const early = bytes - before
  for (const [, method] of counted) counts[method] = 0
  for (let i = 0; i < steps; i++) await program.run(inputs, state)
  const perStep = Object.fromEntries(Object.entries(counts).map(([method, n]) => [method, n / steps]))
  const held = [early, bytes - before] as const
  await backend.close()
  return { perStep, held }
}

const rest = { submit: 1, writeBuffer: 1, createBuffer: 0, createBindGroup: 0 }

describe("a step, once it runs", () => {
  it("of ViT-Ti/16 is one upload and one submit, and makes nothing", async () => {
    const infer = await steady(inferGraph(vitVariant("Ti/16")), 1, 5)
    expect(infer.perStep).toMatchObject(rest)
    expect(infer.perStep.dispatchWorkgroups).toBeLessThanOrEqual(100)
    const train = await steady(trainGraph(vitVariant("Ti/16")), 4, 5)
    expect(train.perStep).toMatchObject(rest)
    expect(train.perStep.dispatchWorkgroups).toBeLessThanOrEqual(350)
    // Parameters and two moments are 69 MB of it; jax-js holds 902 MB.
    expect(train.held[1]).toBeLessThan(200e6)
  })

  it("holds the same memory for as long as it runs", async () => {
    const { held } = await steady(trainGraph(small), 8, 300)
    expect(held[1]).toBe(held[0])
    // jax-js holds 286 MB.
    expect(held[1]).toBeLessThan(80e6)
  })
})

import { type Graph, graph, ops, type ViTConfig, variant, vitConfig } from "@vitrine/core"
import { describe, expect, it } from "vitest"
import { type Plan, planOf } from "../src/plan/plan.ts"
import { inferGraph, trainGraph } from "./steps.ts"

// What every WebGPU device gives: plans need no device.
const limits = { bindings: 8, largest: 2 ** 27, workgroupMemory: 16384 }
const plan = (g: Graph, batch?: number): Plan => planOf(g, batch, {}, limits)
const labels = ({ dispatches }: Plan): string[] =>
  dispatches.map((each) => (each.kind === "kernel" ? each.kernel.label : each.kind))
const small: ViTConfig = vitConfig({
  imageSize: [32, 32],
  patchSize: [4, 4],
  dim: 192,
  depth: 6,
  heads: 3,
  mlpDim: 768,
  classes: 10,
})

describe("dispatches", () => {
  it.each([1, 4, 8, 32])("of ViT-Ti/16 at batch %i", (batch) => {
    expect(plan(trainGraph(variant("Ti/16")), batch).dispatches.length).toBeLessThanOrEqual(350)
    expect(plan(inferGraph(variant("Ti/16")), batch).dispatches.length).toBeLessThanOrEqual(100)
  })

  it("of a block: seven forward, and nothing to put heads together or add a bias", () => {
    const found = labels(plan(inferGraph(small), 8))
    const block = found.slice(found.indexOf("layerNorm [8,65,192]"), found.indexOf("layerNorm [8,65,192]") + 7)
    expect(block).toEqual([
      "layerNorm [8,65,192]",
      "matMul [520,192] × [192,576] add",
      "attention [8,3,65,64] over 65 keys",
      "matMul [520,192] × [192,192] add add",
      "layerNorm [8,65,192]",
      "matMul [520,192] × [192,768] add gelu",
      "matMul [520,768] × [768,192] add add",
    ])
  })

  it("of an optimizer: one for all parameters", () => {
    const { dispatches, copies } = plan(trainGraph(small), 8)
    const late = dispatches.filter(({ kind }) => kind === "late")
    expect(late.length).toBe(1)
    expect(dispatches.at(-1)).toBe(late[0])
    expect(copies).toEqual({})
  })

  it("of a long chain point by point: one", () => {
    let x = ops.input("x", [5, 7])
    for (let i = 0; i < 40; i++) x = ops.tanh(ops.add(ops.mul(x, 1.5), ops.input("bias", [7])))
    expect(plan(graph({ outputs: { x } })).dispatches.length).toBe(1)
  })
})

describe("memory", () => {
  it("of a step is what its activations and gradients take", () => {
    const { memory } = plan(trainGraph(small), 8)
    const total = memory.arenas.reduce((sum, bytes) => sum + bytes, 0)
    expect(memory.arenas.length).toBeLessThanOrEqual(6)
    expect(total).toBeLessThan(48 * 2 ** 20)
  })

  it("never holds two values that live at once in one place, nor one that a kernel reads beside one that it writes", () => {
    const { dispatches, memory, tensors } = plan(trainGraph(vitConfig({ ...small, depth: 2 })), 3)
    const bytes = (tensor: number): number => 4 * (tensors[tensor]?.shape ?? []).reduce((n, dim) => n * dim, 1)
    const place = (tensor: number) => memory.places.get(tensor)
    const lives = new Map<number, [number, number]>()
    dispatches.forEach((each, i) => {
      if (each.kind !== "kernel") return
      const { bindings } = each.kernel
      for (const { tensor } of bindings) lives.set(tensor, [lives.get(tensor)?.[0] ?? i, i])
      for (const a of bindings.filter(({ access }) => access === "read"))
        for (const b of bindings.filter(({ access }) => access === "write"))
          if (place(a.tensor)) expect(place(a.tensor)?.arena).not.toBe(place(b.tensor)?.arena)
    })
    const held = [...lives].flatMap(([tensor, [from, to]]) => {
      const at = place(tensor)
      return at ? [{ tensor, from, to, ...at, end: at.offset + bytes(tensor) }] : []
    })
    for (const a of held)
      for (const b of held) {
        const meet = a.arena === b.arena && a.from <= b.to && b.from <= a.to && a.tensor < b.tensor
        if (meet) expect(a.end <= b.offset || b.end <= a.offset, `${a.tensor} and ${b.tensor}`).toBe(true)
      }
  })
})

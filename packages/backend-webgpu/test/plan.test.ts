import { type Graph, graph, ops, type ViTConfig, vitVariant, vitConfig, vitModel, vitParameters } from "@vitrine/core"
import { classificationObjective, parameterGroups, optimizer, type StepOptions, stepGraph } from "@vitrine/trainer"
import { describe, expect, it } from "vitest"
import { type Plan, planOf } from "../src/plan/plan.ts"
import type { Tensor } from "../src/plan/tensor.ts"
import { inferGraph, small, trainGraph } from "./steps.ts"

// What every WebGPU device gives: plans need no device.
const limits = { bindings: 8, largest: 2 ** 27, workgroupMemory: 16384, subgroup: 0 }
const plan = (g: Graph, batch?: number): Plan => planOf(g, batch, {}, limits)
const labels = ({ dispatches }: Plan): string[] =>
  dispatches.map((each) => (each.kind === "kernel" ? each.kernel.label : each.kind))

/** The trainer's own step: AdamW, and by default the gradients clipped. */
function wholeStep(config: ViTConfig, options: Partial<StepOptions> = {}): Graph {
  const decay = { weightDecay: 0.05, decay: "matrices", layerDecay: 1, freeze: [], rates: {} } as const
  return stepGraph({
    objective: classificationObjective(vitModel(config), "cross-entropy"),
    groups: parameterGroups(vitParameters(config), decay),
    optimizer: optimizer({ name: "adamw" }),
    clip: 1,
    ema: null,
    lossScaling: false,
    gradCheckpointing: false,
    ...options,
  })
}
const arenas = ({ memory }: Plan): number => memory.arenas.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20

describe("dispatches", () => {
  it.each([1, 4, 8, 32])("of ViT-Ti/16 at batch %i", (batch) => {
    expect(plan(trainGraph(vitVariant("Ti/16")), batch).dispatches.length).toBeLessThanOrEqual(350)
    expect(plan(wholeStep(vitVariant("Ti/16")), batch).dispatches.length).toBeLessThanOrEqual(350)
    expect(plan(inferGraph(vitVariant("Ti/16")), batch).dispatches.length).toBeLessThanOrEqual(100)
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

  it("of a scaled loss: hardly more", () => {
    const config = vitVariant("Ti/16")
    const [own, scaled] = [false, true].map((lossScaling) => plan(wholeStep(config, { lossScaling }), 4))
    expect(scaled?.dispatches.length).toBeLessThanOrEqual((own?.dispatches.length as number) + 5)
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

describe("kernels", () => {
  const texts = (g: Graph): number =>
    new Set(plan(g, 4).dispatches.flatMap((each) => (each.kind === "kernel" ? [each.kernel.code] : []))).size

  it("of one block serve all", () => {
    for (const of of [inferGraph, trainGraph, wholeStep])
      expect(texts(of({ ...small, depth: 8 }))).toBe(texts(of({ ...small, depth: 3 })))
  })
})

describe("memory", () => {
  it("of a step is what its activations and gradients take", () => {
    const { memory } = plan(trainGraph(small), 8)
    const total = memory.arenas.reduce((sum, bytes) => sum + bytes, 0)
    expect(memory.arenas.length).toBeLessThanOrEqual(6)
    expect(total).toBeLessThan(42 * 2 ** 20)
  })

  it("of a step whose gradients are clipped is no more", () => {
    expect(arenas(plan(wholeStep(small), 8))).toBeLessThan(42)
    expect(arenas(plan(wholeStep(vitVariant("Ti/16")), 4))).toBeLessThan(120)
  })

  it("is a third where blocks are computed again for their gradients", () => {
    for (const [config, batch] of [
      [small, 32],
      [vitVariant("Ti/16"), 4],
    ] as const) {
      const [whole, less] = [{}, { gradCheckpointing: true }].map((o) => arenas(plan(wholeStep(config, o), batch)))
      expect(less as number).toBeLessThan(0.4 * (whole as number))
    }
  })

  it("never holds two values that live at once in one place, nor one that a kernel reads beside one that it writes", () => {
    const { dispatches, memory } = plan(trainGraph(vitConfig({ ...small, depth: 2 })), 3)
    const bytes = ({ shape }: Tensor): number => 4 * shape.reduce((n, dim) => n * dim, 1)
    const place = (tensor: Tensor) => memory.places.get(tensor)
    const lives = new Map<Tensor, [number, number]>()
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
        const meet = a.arena === b.arena && a.from <= b.to && b.from <= a.to && a !== b
        if (meet) expect(a.end <= b.offset || b.end <= a.offset, `${a.from} and ${b.from}`).toBe(true)
      }
  })
})

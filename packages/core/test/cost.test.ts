import { describe, expect, it } from "vitest"
import { gradients, graph, ops, rootScope, type Tensor, vitVariant, vit } from "../src/index.ts"
import { graphCost } from "../src/backend.ts"

const { input, matMul, state } = ops

describe("floating-point operations", () => {
  // Published multiply-accumulates in units of 10⁹, at 224²; each is two operations.
  for (const [name, gmacs] of [
    ["Ti/16", 1.26],
    ["S/16", 4.61],
    ["B/16", 17.58],
    ["B/32", 4.41],
    ["L/16", 61.6],
    ["H/14", 167.4],
  ] as const)
    it(`of ViT-${name} are as published`, () => {
      const config = vitVariant(name)
      const logits = vit(rootScope(), input("images", ["batch", 224, 224, 3]), config)
      const { flops } = graphCost(graph({ outputs: { logits } }), 1)
      expect(Math.abs(flops / (2e9 * gmacs) - 1)).toBeLessThan(0.01)
      expect(graphCost(graph({ outputs: { logits } }), 3).flops).toBe(3 * flops)
    })

  it("of a backward pass are twice those of the forward pass", () => {
    const [a, b] = [input("a", ["batch", 7, 5]), input("b", ["batch", 5, 3])]
    const y = matMul(a, b)
    const grads = gradients([y], [a, b])
    const forward = graphCost(graph({ outputs: { y } }), 4).flops
    expect(forward).toBe(2 * 4 * 7 * 5 * 3)
    const [da, db] = grads as [Tensor, Tensor]
    expect(graphCost(graph({ outputs: { da, db } }), 4).flops).toBe(2 * forward)
  })

  it("of attention are two products, and of its gradient five: the scores are computed again", () => {
    const [q, k, v] = [input("q", [2, 3, 7, 4]), input("k", [2, 3, 7, 4]), input("v", [2, 3, 7, 4])]
    const { context } = ops.attention(q, k, v, 0.5)
    const [dq, dk, dv] = gradients([context], [q, k, v]) as [Tensor, Tensor, Tensor]
    const product = 2 * 2 * 3 * 7 * 7 * 4
    const forward = graphCost(graph({ outputs: { context } })).flops
    expect(forward).toBe(2 * product)
    expect(graphCost(graph({ outputs: { context, dq, dk, dv } })).flops).toBe(forward + 5 * product)
  })

  it("of a convolution and its gradients are alike", () => {
    const [x, w] = [input("x", [2, 8, 8, 3]), input("w", [5, 3, 3, 3])]
    const y = ops.conv2d(x, w)
    const [dx, dw] = gradients([y], [x, w]) as [Tensor, Tensor]
    const each = 2 * 2 * 6 * 6 * 5 * 3 * 9
    for (const t of [y, dx, dw]) expect(graphCost(graph({ outputs: { t } })).flops).toBe(each)
  })
})

describe("memory", () => {
  it("counts the bytes that live at once", () => {
    const x = input("x", ["batch", 100])
    const chain = ops.exp(ops.exp(ops.exp(ops.exp(x))))
    expect(graphCost(graph({ outputs: { y: chain } }), 2).peakBytes).toBe(2 * 2 * 100 * 4)
    const kept = ops.concat([ops.exp(x), ops.exp(ops.exp(x)), chain], 1)
    expect(graphCost(graph({ outputs: { kept } }), 2).peakBytes).toBeGreaterThan(5 * 2 * 100 * 4)
  })
  it("counts states by their dtype", () => {
    const g = graph({ outputs: { y: ops.mul(state("w", [10]), ops.cast(state("n", [10], "bfloat16"), "float32")) } })
    expect(graphCost(g).stateBytes).toBe(40 + 20)
  })
})

import { gradients, graph, ops, randomStream, type Tensor } from "@vitrine/core"
import { lower, type OpName, unfold } from "@vitrine/core/backend"
import { describe, expect, it } from "vitest"
import type { Build } from "../src/cases/case.ts"
import { opCases } from "../src/cases/index.ts"
import { difference } from "../src/compare.ts"
import { type Data, differentiate, evaluate, gradientGraph, required } from "./numbers.ts"

/**
 * Variants at a point where a difference quotient is not the derivative, and variants that stop the gradient on
 * purpose.
 */
const kinks = new Set([
  "maximum: one tensor twice",
  "maximum: ties send the gradient to the first",
  "max: ties all get the gradient",
  "relu: at zero",
  "maxPool2d: the first of equals",
  "stopGradient: no gradient passes",
  "storage dtypes: float16",
  "storage dtypes: bfloat16",
  "storage dtypes: read twice",
])

async function forEachVariant(op: string, verify: (build: Build, name: string) => Promise<void>): Promise<void> {
  for (const [what, variant] of Object.entries(opCases[op] ?? {})) {
    const name = `${op}: ${what}`
    if (kinks.has(name)) continue
    const check = (build: Build): Promise<void> => verify(build, name)
    await (typeof variant === "function" ? check(variant) : variant.check(check))
  }
}

describe("gradients equal difference quotients", () => {
  for (const op of Object.keys(opCases))
    it(op, () =>
      forEachVariant(op, async (build, name) => {
        const differentiated = differentiate(build)
        const { draw, ends, seeds, wrt } = differentiated
        if (ends.length === 0) return
        const forward = graph({ outputs: Object.fromEntries(ends.map((t, i) => [i, t])) })
        const weighted = async (data: Data): Promise<number> => {
          const results = await evaluate(forward, data)
          const weights = Object.entries(draw.tensors).flatMap(([input, t]) =>
            seeds.includes(t) ? [draw.data[input] as Float32Array] : [],
          )
          return weights.reduce(
            (total, w, i) => total + w.reduce((sum, each, k) => sum + each * (results[i]?.[k] ?? Number.NaN), 0),
            0,
          )
        }
        const grads = await evaluate(gradientGraph(differentiated), draw.data)
        const random = randomStream([1, 2])
        const h = 1e-5
        for (const input of Object.keys(wrt)) {
          const at = Float64Array.from(draw.data[input] as Float32Array)
          const direction = at.map(random.normal)
          const moved = (by: number): Data => ({
            ...draw.data,
            [input]: at.map((x, i) => x + by * (direction[i] as number)),
          })
          const quotient = ((await weighted(moved(h))) - (await weighted(moved(-h)))) / (2 * h)
          const along = direction.reduce((sum, d, i) => sum + d * (grads[input]?.[i] ?? Number.NaN), 0)
          const size = Math.hypot(...(grads[input] ?? [])) + 1
          expect(Math.abs(along - quotient) / size, `${name}, ${input}: ${along} against ${quotient}`).toBeLessThan(
            1e-6,
          )
        }
      }),
    )
})

describe("the rule of a fused op equals the gradients of its definition", () => {
  for (const op of Object.keys(opCases))
    it(op, () =>
      forEachVariant(op, async (build, name) => {
        const { draw, ends, seeds, wrt } = differentiate(build)
        const named = Object.fromEntries(ends.map((t, i) => [`end ${i}`, t]))
        const whole = graph({ outputs: { ...named, ...wrt } })
        if (whole.nodes.every((node) => required.has(node.op))) return
        const taken = unfold(lower(whole, (each) => required.has(each))).outputs
        const pick = (prefix: string, n: number): Tensor[] =>
          Array.from({ length: n }, (_, i) => taken[`${prefix}${i}`] as Tensor)
        const inner = Object.fromEntries(Object.keys(wrt).map((input) => [input, taken[input] as Tensor]))
        const [actual, expected] = await Promise.all([
          evaluate(gradientGraph({ ends, wrt, seeds }), draw.data),
          evaluate(gradientGraph({ ends: pick("end ", ends.length), wrt: inner, seeds }), draw.data),
        ])
        for (const input of Object.keys(wrt))
          expect(
            difference(actual[input] as Float64Array, expected[input] as Float64Array, {
              absolute: 1e-12,
              relative: 1e-11,
            }),
            `${name}, ${input}`,
          ).toBeUndefined()
      }),
    )
})

describe("the cases", () => {
  it("go through every op of core", async () => {
    const every: Readonly<Record<OpName, true>> = {
      input: true,
      state: true,
      constant: true,
      full: true,
      add: true,
      sub: true,
      mul: true,
      div: true,
      maximum: true,
      greater: true,
      where: true,
      neg: true,
      exp: true,
      log: true,
      sqrt: true,
      erf: true,
      sin: true,
      cos: true,
      tanh: true,
      isFinite: true,
      cast: true,
      reshape: true,
      transpose: true,
      broadcastTo: true,
      concat: true,
      split: true,
      slice: true,
      pad: true,
      sum: true,
      max: true,
      matMul: true,
      dropoutMask: true,
      stopGradient: true,
      barrier: true,
      linear: true,
      relu: true,
      reluGrad: true,
      gelu: true,
      geluGrad: true,
      softmax: true,
      softmaxGrad: true,
      softmaxCrossEntropy: true,
      layerNorm: true,
      layerNormGrad: true,
      groupNorm: true,
      groupNormGrad: true,
      attention: true,
      attentionGrad: true,
      adamW: true,
      conv2d: true,
      conv2dInputGrad: true,
      conv2dWeightGrad: true,
      maxPool2d: true,
      gather: true,
      scatterAdd: true,
    }
    // States are tested in the contract, and stopGradient leaves no node.
    const seen = new Set<string>(["state", "stopGradient"])
    for (const op of Object.keys(opCases))
      await forEachVariant(op, async (build) => {
        const { ends, wrt, seeds, draw } = differentiate(build)
        const built = build(draw)
        const outputs: readonly Tensor[] = Array.isArray(built) ? built : [built as Tensor]
        for (const g of [
          graph({ outputs: Object.fromEntries(outputs.map((t, i) => [i, t])) }),
          gradientGraph({ ends, wrt, seeds }),
        ])
          for (const node of g.nodes) seen.add(node.op)
      })
    expect(Object.keys(every).filter((op) => !seen.has(op))).toEqual([])
  })
})

describe("where there is a choice of gradient", () => {
  const x = ops.input("x", [4])
  const gradientOf = async (y: Tensor, values: number[]): Promise<number[]> => {
    const [grad] = gradients([y], [x]) as [Tensor]
    const { grad: result } = await evaluate(graph({ outputs: { grad } }), { x: Float32Array.from(values) })
    return Array.from(result ?? [])
  }
  it("a tie of maximum sends it to the first", async () => {
    const other = ops.constant(Float32Array.of(1, 1, 1, 1), [4])
    expect(await gradientOf(ops.maximum(x, other), [0, 1, 2, 1])).toEqual([0, 1, 1, 1])
    expect(await gradientOf(ops.maximum(other, x), [0, 1, 2, 1])).toEqual([0, 0, 1, 0])
  })
  it("a tie of max sends it to all", async () => {
    expect(await gradientOf(ops.max(x), [3, 1, 3, 3])).toEqual([1, 0, 1, 1])
  })
  it("relu has 0 at 0", async () => {
    expect(await gradientOf(ops.relu(x), [0, -0, 1, -1])).toEqual([0, 0, 1, 0])
  })
  it("what where does not choose gets 0, even where its own is not finite", async () => {
    const safe = ops.where(ops.greater(x, 0), ops.log(ops.where(ops.greater(x, 0), x, 1)), 0)
    expect(await gradientOf(safe, [0, -1, 1, 2])).toEqual([0, 0, 1, 0.5])
  })
  it("a value read many times gets the sum", async () => {
    expect(await gradientOf(ops.add(ops.mul(x, x), ops.mul(x, 3)), [0, 1, 2, -1])).toEqual([3, 5, 7, 1])
  })
  it("a barrier and a reshape pass it on, stopGradient does not", async () => {
    expect(await gradientOf(ops.barrier(ops.reshape(x, [2, 2]), "b"), [1, 2, 3, 4])).toEqual([1, 1, 1, 1])
    expect(await gradientOf(ops.mul(ops.stopGradient(x), x), [1, 2, 3, 4])).toEqual([1, 2, 3, 4])
  })
  it("the second outputs of fused ops are not differentiated in silence", () => {
    const { y, mean, rstd } = ops.layerNorm(x, ops.full([4], 1), ops.full([4], 0), 1e-6)
    for (const outputs of [[mean], [rstd], [y, mean]]) expect(() => gradients(outputs, [x])).toThrow("layerNorm")
    const rows = ops.reshape(x, [2, 2])
    const { context, logSumExp } = ops.attention(rows, rows, rows, 1)
    for (const outputs of [[logSumExp], [context, logSumExp]])
      expect(() => gradients(outputs, [x])).toThrow("attention")
  })
})

import { referenceBackend } from "@vitrine/backend-reference"
import { type Backend, graph, ops, type Tensor } from "@vitrine/core"
import { apply, type OpName, unfold } from "@vitrine/core/backend"
import { describe, expect, it } from "vitest"
import { opCases } from "../src/cases/index.ts"
import { difference, float32Tolerance } from "../src/compare.ts"
import { conformance } from "../src/index.ts"
import { smokeCase, verifyCase } from "../src/suite.ts"

/** Values that are slightly wrong, as a faulty kernel might give them. */
function spoil(t: Tensor): Tensor {
  if (t.dtype === "bool") return ops.greater(ops.cast(t, "float32"), -1)
  // Indices stay within the data.
  if (t.dtype === "int32") return ops.cast(ops.maximum(ops.sub(ops.cast(t, "float32"), 1), 0), "int32")
  return ops.mul(ops.add(t, 1e-3), 1.001)
}

/** The reference backend with one faulty op. */
function broken(op: OpName): Backend {
  const backend = referenceBackend()
  return {
    ...backend,
    compile: (g, options) => {
      const spoilt = unfold(g, ({ op: each, attributes }, inputs, types) => {
        const outputs: readonly Tensor[] = apply(each, inputs, attributes, types)
        return each === op ? outputs.map(spoil) : outputs
      })
      return backend.compile(graph(spoilt), options)
    },
  }
}

describe("a wrong kernel is found", () => {
  const elsewhere: Partial<Record<OpName, string>> = {
    input: "add",
    constant: "constant and full",
    full: "constant and full",
    conv2dInputGrad: "conv2d",
    conv2dWeightGrad: "conv2d",
  }
  const names = Object.keys(opCases).filter((name) => !["storage dtypes", "stopGradient"].includes(name))
  const tried = new Set<string>([...names, ...Object.keys(elsewhere)])
  for (const name of ["constant and full", "gelu by tanh", "masked attention"]) tried.delete(name)
  it.each([...tried] as OpName[])("%s", async (op) => {
    const variants = opCases[elsewhere[op] ?? op] ?? {}
    for (const each of [variants, smokeCase(variants)])
      await expect(verifyCase(() => broken(op), each, float32Tolerance)).rejects.toThrow("instead of")
  })
})

describe("two results", () => {
  const off = (actual: number[], expected: number[]): string | undefined =>
    difference(Float64Array.from(actual), Float64Array.from(expected), float32Tolerance)
  it("may differ by the tolerance of the largest", () => {
    expect(off([1.00001, 0], [1, 0])).toBeUndefined()
    expect(off([1.00003, 0], [1, 0])).toMatch("1.00003 instead of 1 at 0")
    expect(off([1e6, 9], [1e6, 0])).toBeUndefined()
    expect(off([1e6, 11], [1e6, 0])).toMatch("11 instead of 0 at 1")
  })
  it("have the same NaN and infinities", () => {
    const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY]
    expect(off([nan, inf, -inf, -0], [nan, inf, -inf, 0])).toBeUndefined()
    for (const [a, e] of [
      [1, nan],
      [nan, 1],
      [inf, 1e30],
      [1, inf],
      [inf, -inf],
      [inf, nan],
    ] as const)
      expect(off([a], [e])).toMatch("instead of")
    expect(off([1e9, 5], [inf, 1])).toBeDefined()
  })
  it("have the same size", () => {
    expect(off([1], [1, 2])).toBe("1 values instead of 2")
  })
})

it("a skip of no case is an error", () => {
  expect(() => conformance("x", async () => referenceBackend(), { skip: { matmul: "slow" } })).toThrow(
    "conformance of x: no case is called matmul",
  )
})

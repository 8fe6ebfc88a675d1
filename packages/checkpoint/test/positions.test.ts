import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type PositionMethod, type PositionResize, readSafetensors, resizePositions } from "../src/index.ts"

const file = fileURLToPath(new URL("golden/files/positions.safetensors", import.meta.url))
const { tensors } = readSafetensors(readFileSync(file), file)
const methods: readonly PositionMethod[] = ["timm", "huggingface", "google", "bilinear"]
const pair = (text = ""): [number, number] => text.split("x").map(Number) as [number, number]

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length)
  return Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0)
}

describe.each(methods)("%s", (method) => {
  test.each([...tensors.keys()].filter((name) => name.endsWith(`/${method}`)))("gives PyTorch's table: %s", (name) => {
    const [prefix, from, to] = name.split("/")
    const table = tensors.get(name.slice(0, -method.length - 1))?.data as Float32Array
    const resized = resizePositions(table, {
      prefixTokens: Number(prefix),
      dim: 3,
      from: pair(from),
      to: pair(to),
      method,
    })
    expect(worst(resized, tensors.get(name)?.data as Float64Array)).toBeLessThan(1e-6)
  })

  const side = fc.integer({ min: 1, max: 9 })
  const cases = fc
    .record({
      prefixTokens: fc.nat({ max: 3 }),
      dim: fc.integer({ min: 1, max: 4 }),
      from: fc.tuple(side, side),
      to: fc.tuple(side, side),
      method: fc.constant(method),
    })
    .chain((options: PositionResize) => {
      const length = (options.prefixTokens + options.from[0] * options.from[1]) * options.dim
      const table = fc
        .array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: length, maxLength: length })
        .map((values) => Float32Array.from(values))
      return fc.tuple(fc.constant(options), table, table)
    })

  test("to the same grid changes nothing", () => {
    fc.assert(
      fc.property(cases, ([options, table]) => {
        expect(worst(resizePositions(table, { ...options, to: options.from }), table)).toBe(0)
      }),
    )
  })

  test("leaves constants and prefix tokens as they are", () => {
    fc.assert(
      fc.property(cases, ([options, table]) => {
        const { prefixTokens, dim, to } = options
        const prefix = prefixTokens * dim
        expect(worst(resizePositions(table, options).subarray(0, prefix), table.subarray(0, prefix))).toBe(0)
        const constant = resizePositions(new Float32Array(table.length).fill(0.7), options)
        expect(constant.length).toBe(prefix + to[0] * to[1] * dim)
        expect(worst(constant, new Float32Array(constant.length).fill(0.7))).toBeLessThan(1e-6)
      }),
    )
  })

  test("is linear in the table", () => {
    fc.assert(
      fc.property(cases, ([options, a, b]) => {
        const [ra, rb] = [resizePositions(a, options), resizePositions(b, options)]
        const sum = resizePositions(
          a.map((x, i) => x - 2 * (b[i] as number)),
          options,
        )
        expect(
          worst(
            sum,
            ra.map((x, i) => x - 2 * (rb[i] as number)),
          ),
        ).toBeLessThan(2e-5)
      }),
    )
  })
})

test("a table of another length is refused", () => {
  const options = { prefixTokens: 1, dim: 2, from: [2, 2], to: [3, 3], method: "timm" } as const
  expect(() => resizePositions(new Float32Array(8), options)).toThrow(
    "position embeddings of 2×2 patches and 1 other tokens of width 2 are 10 numbers, got 8",
  )
})

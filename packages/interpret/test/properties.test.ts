import type { HostTensor } from "@vitrine/core"
import fc from "fast-check"
import { expect, test } from "vitest"
import {
  attentionDistance,
  attentionMap,
  attentionRollout,
  comparisonFigure,
  featureColors,
  type Grid,
  positionSimilarity,
  principalComponents,
} from "../src/index.ts"

const value = fc.float({ min: -8, max: 8, noNaN: true })

function numbers(shape: readonly number[]): fc.Arbitrary<HostTensor> {
  const length = shape.reduce((a, b) => a * b, 1)
  return fc
    .array(value, { minLength: length, maxLength: length })
    .map((values) => ({ data: Float32Array.from(values), shape }))
}

/** Random scores made into attention: rows of positive numbers that sum to 1. */
function attention(shape: readonly number[]): fc.Arbitrary<HostTensor> {
  const tokens = shape.at(-1) as number
  return numbers(shape).map(({ data }) => {
    const powers = Float64Array.from(data, Math.exp)
    for (let at = 0; at < powers.length; at += tokens) {
      const row = powers.subarray(at, at + tokens)
      const total = row.reduce((a, b) => a + b, 0)
      row.forEach((x, k) => (row[k] = x / total))
    }
    return { data: Float32Array.from(powers), shape }
  })
}

const layout = fc.record({
  rows: fc.integer({ min: 1, max: 4 }),
  columns: fc.integer({ min: 1, max: 4 }),
  prefix: fc.nat(3),
})

const attended = layout.chain(({ rows, columns, prefix }) => {
  const tokens = rows * columns + prefix
  return fc.record({
    grid: fc.constant<Grid>({ rows, columns }),
    prefix: fc.constant(prefix),
    blocks: fc.array(attention([2, 2, tokens, tokens]), { minLength: 1, maxLength: 3 }),
  })
})

const sum = (values: Iterable<number>): number => Array.from(values).reduce((a, b) => a + b, 0)

test("attention and rollout of every query are shares of 1", () => {
  fc.assert(
    fc.property(attended, fc.nat(1), ({ grid, prefix, blocks }, image) => {
      for (const query of [
        "mean" as const,
        ...(prefix > 0 ? ["class" as const] : []),
        { row: 0, column: grid.columns - 1 },
      ])
        for (const map of [
          attentionRollout(blocks, { grid, query, image }),
          attentionMap(blocks[0] as HostTensor, { grid, query, image }),
        ]) {
          expect(map.values).toHaveLength(grid.rows * grid.columns)
          expect(map.prefix).toHaveLength(prefix)
          expect(Math.min(...map.values, ...map.prefix)).toBeGreaterThanOrEqual(0)
          expect(sum([...map.values, ...map.prefix])).toBeCloseTo(1, 5)
        }
    }),
    { numRuns: 60 },
  )
})

test("attention that is the same everywhere rolls out to the same, whatever the blocks", () => {
  fc.assert(
    fc.property(layout, fc.integer({ min: 1, max: 3 }), ({ rows, columns, prefix }, depth) => {
      const tokens = rows * columns + prefix
      const shape = [1, 2, tokens, tokens]
      const data = new Float32Array(2 * tokens * tokens).fill(1 / tokens)
      const { values } = attentionRollout(
        Array.from({ length: depth }, () => ({ data, shape })),
        {
          grid: { rows, columns },
          query: "mean",
        },
      )
      for (const x of values) expect(x).toBeCloseTo(values[0] as number, 5)
    }),
    { numRuns: 30 },
  )
})

test("attention distances lie within the image, and are 0 where each patch looks at itself", () => {
  fc.assert(
    fc.property(attended, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), (made, height, width) => {
      const { grid, prefix, blocks } = made
      const far = Math.hypot(height * (grid.rows - 1), width * (grid.columns - 1))
      for (const block of blocks)
        for (const distance of attentionDistance(block, { grid, patchSize: [height, width] })) {
          expect(distance).toBeGreaterThanOrEqual(0)
          expect(distance).toBeLessThanOrEqual(far + 1e-9)
        }
      const tokens = grid.rows * grid.columns + prefix
      const identity = Float32Array.from({ length: tokens * tokens }, (_, at) => (at % (tokens + 1) === 0 ? 1 : 0))
      const self = { data: identity, shape: [1, 1, tokens, tokens] }
      expect([...attentionDistance(self, { grid, patchSize: [height, width] })]).toEqual([0])
    }),
    { numRuns: 60 },
  )
})

test("similarities are symmetric cosines, 1 on the diagonal, blind to the length of an embedding", () => {
  const made = layout.chain(({ rows, columns, prefix }) =>
    numbers([1, rows * columns + prefix, 5]).map((positions) => ({ grid: { rows, columns }, positions })),
  )
  fc.assert(
    fc.property(made, ({ grid, positions }) => {
      const patches = grid.rows * grid.columns
      const { values } = positionSimilarity(positions, grid)
      for (let i = 0; i < patches; i++) {
        expect(values[i * patches + i]).toBe(1)
        for (let k = 0; k < patches; k++) {
          expect(values[i * patches + k]).toBe(values[k * patches + i])
          expect(Math.abs(values[i * patches + k] as number)).toBeLessThanOrEqual(1)
        }
      }
      const doubled = { ...positions, data: Float32Array.from(positions.data, (x) => 2 * x) }
      expect(positionSimilarity(doubled, grid).values).toEqual(values)
    }),
    { numRuns: 60 },
  )
})

test("principal components are orthonormal, in order, and give the samples back", () => {
  const made = fc.record({ samples: fc.integer({ min: 2, max: 9 }), dims: fc.integer({ min: 1, max: 9 }) })
  fc.assert(
    fc.property(
      made.chain(({ samples, dims }) => numbers([samples, dims])),
      ({ data, shape: [samples = 0, dims = 0] }) => {
        const { mean, components, explained, scores } = principalComponents(data, samples, dims)
        const count = explained.length
        for (let a = 0; a < count; a++)
          for (let b = 0; b <= a; b++) {
            const dot = sum(
              components.subarray(a * dims, (a + 1) * dims).map((x, d) => x * (components[b * dims + d] as number)),
            )
            expect(dot).toBeCloseTo(a === b ? 1 : 0, 4)
          }
        expect([...explained]).toEqual([...explained].sort((a, b) => b - a))
        expect(sum(explained)).toBeLessThanOrEqual(1 + 1e-9)
        for (let i = 0; i < samples; i++)
          for (let d = 0; d < dims; d++) {
            let x = mean[d] as number
            for (let k = 0; k < count; k++)
              x += (scores[i * count + k] as number) * (components[k * dims + d] as number)
            expect(x).toBeCloseTo(data[i * dims + d] as number, 3)
          }
      },
    ),
    { numRuns: 60 },
  )
})

test("colours lie from 0 to 1, also where features do not differ", () => {
  const made = layout.chain(({ rows, columns, prefix }) =>
    numbers([2, rows * columns + prefix, 4]).map((features) => ({ grid: { rows, columns }, features })),
  )
  fc.assert(
    fc.property(made, fc.boolean(), ({ grid, features }, flat) => {
      const shown = flat ? { ...features, data: features.data.map(() => 3) } : features
      const { colors, images } = featureColors([shown, shown], grid)
      expect(images).toBe(4)
      expect(colors).toHaveLength(4 * grid.rows * grid.columns * 3)
      for (const x of colors) expect(x >= 0 && x <= 1).toBe(true)
    }),
    { numRuns: 60 },
  )
})

test("a comparison keeps every evaluation within its frame, whatever was computed and found", () => {
  const evaluations = fc.array(
    fc.record({
      flops: fc.double({ min: 1, max: 1e24, noNaN: true }),
      top1: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  const name = fc.constantFrom("ViT", "hybrid", "BiT")
  const almostEqual = [5e-324, 1e-323].map((top1) => ({ flops: 1, top1 }))
  const runs = fc.array(fc.record({ name, family: name, data: name, evaluations }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(runs, (all) => {
      const svg = comparisonFigure(all)
      expect(/NaN|Infinity|undefined/.exec(svg)).toBeNull()
      const places = [...svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)]
      expect(places).toHaveLength(sum(all.map((run) => run.evaluations.length)))
      for (const [, x, y] of places) {
        expect(Math.abs(Number(x) / 280 - 1)).toBeLessThanOrEqual(1)
        expect(Math.abs(Number(y) / 130 - 1)).toBeLessThanOrEqual(1)
      }
    }),
    { numRuns: 60, examples: [[[{ name: "ViT", family: "ViT", data: "ViT", evaluations: almostEqual }]]] },
  )
})

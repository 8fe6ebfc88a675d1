import { type GoldenTensor, golden } from "@vitrine/golden"
import { describe, expect, test } from "vitest"
import {
  attentionDistance,
  attentionMap,
  attentionRollout,
  featureColors,
  filterComponents,
  nearestPatches,
  positionSimilarity,
  principalComponents,
} from "../src/index.ts"

const { json, tensors } = golden("interpret")
const patchSize = json.patchSize as [number, number]

function tensor(name: string): GoldenTensor {
  const found = tensors[name]
  if (found === undefined) throw new Error(`no tensor ${name}`)
  return found
}

/** The slices of a tensor along its first dimension. */
function slices({
  shape: [count = 0, ...shape],
  data,
}: GoldenTensor): { shape: number[]; data: GoldenTensor["data"] }[] {
  const length = data.length / count
  return Array.from({ length: count }, (_, i) => ({ shape, data: data.slice(i * length, (i + 1) * length) }))
}

function expectClose(found: Iterable<number>, wanted: Iterable<number>, tolerance: number): void {
  const [a, b] = [Array.from(found), Array.from(wanted)]
  expect(a).toHaveLength(b.length)
  expect(Math.max(...a.map((x, i) => Math.abs(x - (b[i] as number))))).toBeLessThanOrEqual(tolerance)
}

/** Rows of vectors whose signs are free. */
function expectCloseUpToSign(found: ArrayLike<number>, wanted: ArrayLike<number>, width: number): void {
  for (let at = 0; at < found.length; at += width) {
    const [a, b] = [found, wanted].map((rows) => Array.from(rows).slice(at, at + width)) as [number[], number[]]
    const sign = Math.sign(a.reduce((sum, x, i) => sum + x * (b[i] as number), 0))
    expectClose(
      a.map((x) => sign * x),
      b,
      1e-6,
    )
  }
}

describe.each(Object.entries(json.cases as Record<string, { rows: number; columns: number; prefix: number }>))(
  "%s, as NumPy has it",
  (name, { rows, columns, prefix }) => {
    const grid = { rows, columns }
    const patches = rows * columns
    const tokens = prefix + patches
    const blocks = slices(tensor(`${name}.weights`))

    test("rollout from every patch, the class token and the mean", () => {
      for (const [image, { data: matrix }] of slices(tensor(`${name}.rollout`)).entries()) {
        const row = (i: number): number[] => Array.from(matrix.slice(i * tokens, (i + 1) * tokens))
        for (let patch = 0; patch < patches; patch++) {
          const query = { row: Math.floor(patch / columns), column: patch % columns }
          const found = attentionRollout(blocks, { grid, query, image })
          expectClose([...found.prefix, ...found.values], row(prefix + patch), 1e-7)
        }
        const mean = Array.from({ length: tokens }, (_, k) =>
          Array.from({ length: patches }, (_, i) => row(prefix + i)[k] as number).reduce((a, b) => a + b / patches, 0),
        )
        const first = attentionRollout(blocks, { grid, image })
        expectClose([...first.prefix, ...first.values], prefix === 0 ? mean : row(0), 1e-7)
        const average = attentionRollout(blocks, { grid, image, query: "mean" })
        expectClose([...average.prefix, ...average.values], mean, 1e-7)
      }
    })

    test("mean attention distances", () => {
      const found = blocks.flatMap((block) => [...attentionDistance(block, { grid, patchSize })])
      expectClose(found, tensor(`${name}.distances`).data, 1e-9)
    })

    test("similarity of positions", () => {
      const { values } = positionSimilarity(tensor(`${name}.positions`), grid)
      expectClose(values, tensor(`${name}.similarity`).data, 1e-6)
    })

    test("nearest patches", () => {
      const features = slices(tensor(`${name}.features`)).map(({ shape, data }) => ({ shape: [1, ...shape], data }))
      const cosines = tensor(`${name}.neighbors`).data
      for (let own = 0; own < 2 * patches; own++) {
        const query = {
          image: Math.floor(own / patches),
          row: Math.floor((own % patches) / columns),
          column: own % columns,
        }
        const wanted = Array.from(cosines.slice(own * 2 * patches, (own + 1) * 2 * patches), (similarity, at) => ({
          at,
          similarity,
        })).filter(({ at }) => at !== own)
        wanted.sort((a, b) => b.similarity - a.similarity)
        const found = nearestPatches(features, grid, query, { count: 5 })
        expect(found.map(({ image, row, column }) => image * patches + row * columns + column)).toEqual(
          wanted.slice(0, 5).map(({ at }) => at),
        )
        expectClose(
          found.map(({ similarity }) => similarity),
          wanted.slice(0, 5).map(({ similarity }) => similarity),
          1e-6,
        )
      }
    })

    test("principal components of features, and colours that follow them", () => {
      const features = tensor(`${name}.features`)
      const [batch = 0, , dim = 0] = features.shape
      const table = slices(features).flatMap(({ data }) => Array.from(data.slice(prefix * dim)))
      const { components, explained, scores } = principalComponents(table, batch * patches, dim)
      expectCloseUpToSign(components, tensor(`${name}.components`).data, dim)
      expectClose(explained, tensor(`${name}.explained`).data, 1e-9)
      const column = (values: ArrayLike<number>, width: number, k: number): number[] =>
        Array.from({ length: batch * patches }, (_, i) => values[i * width + k] as number)
      for (let k = 0; k < dim; k++)
        expectCloseUpToSign(column(scores, dim, k), column(tensor(`${name}.scores`).data, dim, k), batch * patches)

      const { colors, explained: three } = featureColors([features], grid)
      expectClose(three, tensor(`${name}.explained`).data.slice(0, 3), 1e-9)
      for (let k = 0; k < 3; k++) {
        const order = (values: number[]): number[] =>
          [...values.keys()].sort((a, b) => (values[a] as number) - (values[b] as number))
        // What is cut off at the ends is equal in colour, and not in score.
        const inner = order(column(scores, dim, k)).slice(1, -1)
        const shown = column(colors, 3, k)
        for (let i = 1; i < inner.length; i++)
          expect(shown[inner[i] as number]).toBeGreaterThanOrEqual(shown[inner[i - 1] as number] as number)
      }
    })

    test("attention of each head and of all", () => {
      const block = blocks[0] as GoldenTensor
      const [batch = 0, heads = 0] = block.shape
      const at = (image: number, head: number, i: number): number[] =>
        Array.from(block.data.slice(((image * heads + head) * tokens + i) * tokens).slice(0, tokens))
      for (let image = 0; image < batch; image++) {
        const rows = Array.from({ length: heads }, (_, head) => at(image, head, prefix + 1))
        for (let head = 0; head < heads; head++) {
          const found = attentionMap(block, { grid, image, head, query: { row: 0, column: 1 } })
          expectClose([...found.prefix, ...found.values], rows[head] as number[], 0)
        }
        const mean = rows[0]?.map((_, k) => rows.reduce((sum, row) => sum + (row[k] as number) / heads, 0)) as number[]
        const found = attentionMap(block, { grid, image, query: { row: 0, column: 1 } })
        expectClose([...found.prefix, ...found.values], mean, 1e-7)
      }
    })
  },
)

test.each(["filters.tall", "filters.wide"])("principal components of %s, as NumPy has them", (name) => {
  const { count, height, width, channels, components, explained } = filterComponents(tensor(name), 6)
  const wanted = tensor(`${name}.components`)
  expect([count, height, width, channels]).toEqual([6, ...wanted.shape.slice(1)])
  expectCloseUpToSign(components, wanted.data, height * width * channels)
  expectClose(explained, tensor(`${name}.explained`).data.slice(0, 6), 1e-9)
  expect(filterComponents(tensor(name), 1000).count).toBe(
    Math.min((tensor(name).shape[0] as number) - 1, height * width * channels),
  )
})

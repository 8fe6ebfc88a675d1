import { realAccuracy, tally } from "@vitrine/trainer"
import fc from "fast-check"
import { expect, test } from "vitest"

test("counts as sorting would", () => {
  const example = fc.record({
    logits: fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 7, maxLength: 7 }),
    label: fc.integer({ min: 0, max: 6 }),
    loss: fc.double({ min: 0, max: 9, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(example, { minLength: 1, maxLength: 30 }), (examples) => {
      const total = tally(7)
      total.add(
        examples.flatMap(({ logits }) => logits),
        examples.map(({ loss }) => loss),
        examples.map(({ label }) => label),
        examples.map(() => 1),
      )
      const found = total.result()
      const order = (logits: number[]): number[] =>
        logits.map((_, i) => i).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b)
      const within = (k: number): number =>
        examples.filter(({ logits, label }) => order(logits).slice(0, k).includes(label)).length / examples.length
      expect(found.examples).toBe(examples.length)
      expect(found.top1).toBeCloseTo(within(1), 12)
      expect(found.top5).toBeCloseTo(within(5), 12)
      expect(found.loss).toBeCloseTo(examples.reduce((sum, { loss }) => sum + loss, 0) / examples.length, 9)
      expect(found.confusion.flat().reduce((a, b) => a + b, 0)).toBe(examples.length)
      const right = found.confusion.reduce((sum, row, i) => sum + (row[i] as number), 0)
      expect(right / examples.length).toBeCloseTo(found.top1, 12)
      const rates = [...new Set(examples.map(({ label }) => label))].map((label) => {
        const own = examples.filter((example) => example.label === label)
        return own.filter(({ logits }) => order(logits)[0] === label).length / own.length
      })
      expect(found.meanPerClass).toBeCloseTo(rates.reduce((a, b) => a + b) / rates.length, 12)
    }),
  )
})

test("many classes have a list of cells in place of a matrix", () => {
  const classes = 21_843
  const total = tally(classes)
  const logits = (best: number): number[] => Array.from({ length: classes }, (_, i) => (i === best ? 1 : 0))
  for (const [label, best] of [
    [21_842, 21_842],
    [7, 21_841],
    [21_842, 3],
    [7, 21_841],
  ] as const)
    total.add(logits(best), [1], [label], [1])
  const { confusion, confusionCells, top1, meanPerClass } = total.result()
  expect(confusion).toEqual([])
  expect(confusionCells).toEqual([
    [7, 21_841, 2],
    [21_842, 3, 1],
    [21_842, 21_842, 1],
  ])
  expect([top1, meanPerClass]).toEqual([0.25, 0.25])
  expect(tally(2).result()).not.toHaveProperty("confusionCells")
})

test("rows of weight 0 do not count", () => {
  const total = tally(2)
  total.add([1, 0, 0, 1], [0.5, 100], [0, 0], [1, 0])
  expect(total.result()).toMatchObject({ examples: 1, loss: 0.5, top1: 1 })
})

test("reassessed labels: any of an image's is right, and images without one do not count", () => {
  expect(realAccuracy(Int32Array.of(1, 2, 0, 3), [[0, 1], [1], [], [3]])).toEqual({ examples: 3, top1: 2 / 3 })
})

import { type Features, fitHead, groupsOf } from "@vitrine/trainer"
import { foldKey, keyFromSeed, randomStream } from "@vitrine/core"
import { describe, expect, test } from "vitest"

const width = 12

/** Examples of classes whose means lie `distance` apart; each group is `copies` of one example with little noise. */
function examples(
  classes: number,
  groups: number,
  copies: number,
  distance: number,
): Features & { groups: Int32Array } {
  const random = randomStream(foldKey(keyFromSeed(3), "head"))
  const rows: number[][] = []
  const labels: number[] = []
  const group: number[] = []
  for (let label = 0; label < classes; label++)
    for (let g = 0; g < groups; g++) {
      const centre = Array.from({ length: width }, (_, i) => 50 + random.normal() + (i === label ? distance : 0))
      for (let copy = 0; copy < copies; copy++) {
        rows.push(centre.map((x) => x + 0.01 * random.normal()))
        labels.push(label)
        group.push(label * groups + g)
      }
    }
  return {
    values: Float32Array.from(rows.flat()),
    width,
    labels: Int32Array.from(labels),
    groups: Int32Array.from(group),
  }
}

describe("a head for few examples", () => {
  test("finds classes that lie apart, and says so of rows that it has not seen", () => {
    const { groups, ...train } = examples(3, 10, 2, 6)
    const { weight, bias, heldOut } = fitHead(train, 3, groups)
    expect(heldOut?.accuracy).toBeGreaterThan(0.9)
    const logits = (row: number): number[] =>
      [0, 1, 2].map((c) =>
        weight
          .subarray(c * width, (c + 1) * width)
          .reduce((sum, w, i) => sum + w * (train.values[row * width + i] ?? 0), bias[c] ?? 0),
      )
    const right = [...train.labels.keys()].filter((row) => {
      const scores = logits(row)
      return scores.indexOf(Math.max(...scores)) === train.labels[row]
    })
    expect(right.length).toBe(train.labels.length)
  })

  test("holds the copies of an example out together", () => {
    const { groups, ...train } = examples(2, 6, 8, 0)
    const apart = fitHead(train, 2).heldOut?.accuracy ?? 0
    const together = fitHead(train, 2, groups).heldOut?.accuracy ?? 1
    expect(apart).toBeGreaterThan(0.95)
    expect(together).toBeLessThan(0.8)
  })

  test("tells no accuracy below five groups a class", () => {
    const { groups, ...train } = examples(2, 4, 3, 6)
    expect(groupsOf(train.labels, groups, 2)).toEqual([4, 4])
    expect(fitHead(train, 2, groups).heldOut).toBeNull()
    expect(fitHead(examples(2, 1, 1, 6), 2).heldOut).toBeNull()
  })

  test("counts only the rows that are measured", () => {
    const { groups, ...train } = examples(2, 6, 2, 6)
    const measured = Array.from(train.labels, (_, row) => row % 2 === 0)
    expect(fitHead(train, 2, groups, measured).heldOut?.accuracy).toBeGreaterThan(0.9)
  })
})

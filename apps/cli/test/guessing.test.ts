import { expect, test } from "vitest"
import { guessingLine, pointsLine, unlearnedLine } from "../dist/tasks/classify/guessing.js"

const learned = { classes: 3, task: "classify", loss: "cross-entropy", distils: false }
const steps = (...losses: readonly number[]) => losses.map((loss, i) => ({ type: "step", step: i + 1, loss }))
const evaluated = (top1: number, examples: number) => [{ type: "evaluation", step: 1, top1, examples }]

test("an accuracy says what so many images can tell, and whether guessing is as good", () => {
  expect(pointsLine(60)).toEqual(["60 images tell the accuracy to ±13 points."])
  expect(pointsLine(2000)).toEqual([])
  expect(guessingLine(1 / 3, 60, 3)).toEqual([
    expect.stringMatching(/^33\.3 % right is no better than guessing among 3 classes: leave --lr out or lower it, /),
  ])
  expect(guessingLine(0.5, 60, 3)).toEqual([])
  // Six images cannot tell.
  expect(guessingLine(1 / 3, 6, 3)).toEqual([])
  expect(guessingLine(0, 1000, 1000)).toHaveLength(1)
})

test("a run that learned nothing says so by its accuracy, or else by its loss", () => {
  const flat = steps(...Array.from({ length: 60 }, () => 1.2))
  expect(unlearnedLine(flat, learned)).toEqual([
    expect.stringMatching(/^The loss ended at 1\.20, and guessing among 3 classes has 1\.10: nothing was learned; /),
  ])
  expect(unlearnedLine([...flat, ...evaluated(0.3, 100)], learned)).toEqual([expect.stringMatching(/^30\.0 % right/)])
  expect(unlearnedLine([...flat, ...evaluated(0.6, 100)], learned)).toEqual([])
  expect(unlearnedLine([...flat, ...evaluated(0.6, 6)], learned)).toHaveLength(1)
  expect(unlearnedLine(flat.slice(0, 5), learned)).toEqual([])
  expect(unlearnedLine(steps(...Array.from({ length: 60 }, () => 0.9)), learned)).toEqual([])
  expect(unlearnedLine(flat, { ...learned, task: "masked-patch" })).toEqual([])
})

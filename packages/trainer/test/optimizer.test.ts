import { evaluateGraph } from "@vitrine/backend-reference"
import { graph, ops } from "@vitrine/core"
import {
  optimizer,
  type OptimizerOptions,
  optimizerNames,
  optimizerSpellings,
  spelledOptimizer,
  spellingOf,
  trainingOptions,
} from "@vitrine/trainer"
import { describe, expect, test } from "vitest"

test.each(optimizerNames)("%s updates a parameter and the slots that it names", (name) => {
  const { slots, scalars, update } = optimizer({ name })
  const leaf = (slot: string) => ops.state(slot, [2, 3])
  const values = Object.fromEntries(slots.map((slot) => [slot, leaf(slot)]))
  const rates = Object.fromEntries(Object.keys(scalars(0, 1e-3, 0.1)).map((rate) => [rate, ops.input(rate, [])]))
  const next = update(leaf("parameter"), leaf("gradient"), values, rates, 0.1)
  expect(next.parameter.shape).toEqual([2, 3])
  expect(Object.keys(next.slots).sort()).toEqual([...slots].sort())
})

describe("refuses", () => {
  const names = optimizerNames.join(", ")
  test.each<[string, unknown, string]>([
    ["a name that none has", { name: "tiger" }, `optimizer.name must be one of ${names}, got "tiger"`],
    ["a name in other letters", { name: "AdamW" }, `one of ${names}, got "AdamW"`],
    ["a name that objects have", { name: "constructor" }, 'got "constructor"'],
    ["a name alone", "adamw", `optimizer.name must be one of ${names}, got undefined`],
    ["one beta", { name: "adam", betas: 3 }, "optimizer.betas must be [a number in [0, 1), a number in [0, 1)], got 3"],
    ["a beta of 1", { name: "adamw", betas: [0.9, 1] }, "got [0.9,1]"],
    ["no epsilon", { name: "adamw", epsilon: 0 }, "optimizer.epsilon must be a positive number, got 0"],
    ["a momentum in quotes", { name: "sgd", momentum: "0.9" }, 'momentum must be a number in [0, 1), got "0.9"'],
    ["Nesterov's momentum without any", { name: "sgd", nesterov: true }, "optimizer.nesterov needs a momentum above 0"],
  ])("%s", (_, options, message) => {
    const make = (): unknown => trainingOptions({ steps: 1, optimizer: options as OptimizerOptions })
    expect(make).toThrow(message)
    expect(make).toThrow(expect.objectContaining({ name: "VitrineError" }))
  })
})

describe("spellings", () => {
  test("are the names, and SGD's with momentum", () => {
    expect(optimizerSpellings).toEqual(expect.arrayContaining(["adam", "adamw", "momentum", "nesterov", "sgd"]))
    expect(spelledOptimizer("nesterov")).toEqual({ name: "sgd", momentum: 0.9, nesterov: true })
  })

  test("each is that of the options that it stands for", () => {
    for (const spelling of optimizerSpellings) expect(spellingOf(spelledOptimizer(spelling))).toBe(spelling)
  })

  test("does not depend on how large settings are", () => {
    expect(spellingOf({ name: "sgd", momentum: 0.5 })).toBe("momentum")
    expect(spellingOf({ name: "sgd", momentum: 0, nesterov: false })).toBe("sgd")
    expect(spellingOf({ name: "adamw", betas: [0.8, 0.9] })).toBe("adamw")
  })
})

test.each([
  [false, [1 - 0.1 * 2, 0.8 - 0.1 * (0.9 * 2 + 3)]],
  [true, [1 - 0.1 * (2 + 0.9 * 2), 0.62 - 0.1 * (3 + 0.9 * (0.9 * 2 + 3))]],
])("SGD with momentum 0.9 steps as PyTorch's, Nesterov: %s", (nesterov, expected) => {
  const { update } = optimizer({ name: "sgd", momentum: 0.9, nesterov })
  const scalar = (name: string) => ops.state(name, [1])
  const next = update(scalar("p"), scalar("g"), { momentum: scalar("v") }, { rate: ops.full([], 0.1) }, 0)
  const g = graph({ outputs: { p: next.parameter, v: next.slots["momentum"] ?? scalar("v") } })
  let [p, v] = [1, 0]
  for (const [step, gradient] of [2, 3].entries()) {
    const values = { p: Float32Array.of(p), g: Float32Array.of(gradient), v: Float32Array.of(v) }
    const result = evaluateGraph(g, values)
    p = result["p"]?.[0] ?? Number.NaN
    v = result["v"]?.[0] ?? Number.NaN
    expect(p).toBeCloseTo(expected[step] ?? Number.NaN, 6)
  }
})

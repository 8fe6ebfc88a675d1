import { accepts, checkFields, expectation, type Field, type FieldValues } from "@vitrine/core"
import { describe, expect, expectTypeOf, test } from "vitest"

const cases: readonly [Field, expectation: string, good: readonly unknown[], bad: readonly unknown[]][] = [
  [{ kind: "number" }, "a number", [0, -1.5], [Number.NaN, Infinity, "1", null]],
  [{ kind: "number", from: 0 }, "a number of 0 or more", [0, 9], [-1e-9]],
  [{ kind: "number", above: 0 }, "a positive number", [1e-9], [0]],
  [{ kind: "number", above: 0, to: 1 }, "a number in (0, 1]", [0.5, 1], [0, 1.5]],
  [{ kind: "number", from: 0, below: 1 }, "a number in [0, 1)", [0], [1]],
  [{ kind: "number", integer: true, from: 1 }, "a positive integer", [1], [0, 1.5, 2 ** 60]],
  [{ kind: "number", integer: true, from: 0 }, "a whole number", [0], [-1]],
  [{ kind: "number", integer: true, from: 2, to: 4 }, "an integer from 2 to 4", [2, 4], [1, 5]],
  [{ kind: "boolean" }, "true or false", [true], [1, "true"]],
  [{ kind: "text" }, "text", [""], [1]],
  [{ kind: "choice", of: ["a", "b"] }, "one of a, b", ["a"], ["c", 0, "constructor"]],
  [{ kind: "nullable", of: { kind: "boolean" } }, "true or false or null", [null, false], [undefined]],
  [
    { kind: "tuple", of: [{ kind: "number" }, { kind: "boolean" }] },
    "[a number, true or false]",
    [[1, true]],
    [[1], [true, 1], [1, true, 1], { 0: 1, 1: true }],
  ],
  [{ kind: "list", of: { kind: "text" } }, "a list, each text", [[], ["a"]], [["a", 1], "a"]],
  [
    { kind: "record", of: { kind: "number" } },
    "values by name, each a number",
    [{}, { a: 1 }],
    [{ a: "1" }, [1], null],
  ],
  [{ kind: "either", of: [{ kind: "boolean" }, { kind: "text" }] }, "true or false or text", [true, ""], [1]],
]

test.each(cases)("%j", (field, expected, good, bad) => {
  expect(expectation(field)).toBe(expected)
  for (const value of good) expect(accepts(field, value)).toBe(true)
  for (const value of bad) expect(accepts(field, value)).toBe(false)
})

describe("a table", () => {
  const fields = {
    rate: { kind: "number", from: 0 },
    betas: { kind: "tuple", of: [{ kind: "number" }, { kind: "number" }], optional: true },
    mode: { kind: "choice", of: ["a", "b"], optional: true },
  } as const

  test("makes a type", () => {
    expectTypeOf<FieldValues<typeof fields>>().toExtend<{
      readonly rate: number
      readonly betas?: readonly [number, number]
      readonly mode?: "a" | "b"
    }>()
  })

  test("checks options in one line that names the field", () => {
    expect(() => checkFields(fields, { rate: 1, mode: "b", more: 1 })).not.toThrow()
    expect(() => checkFields(fields, {}, "x.")).toThrow("x.rate must be a number of 0 or more, got undefined")
    expect(() => checkFields(fields, { rate: Number.NaN })).toThrow("rate must be a number of 0 or more, got NaN")
    expect(() => checkFields(fields, { rate: 0, mode: "x".repeat(200) })).toThrow(
      /^mode must be one of a, b, got "x+…$/,
    )
  })
})

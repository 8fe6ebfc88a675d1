import { VitrineError } from "@vitrine/core"
import * as v from "valibot"
import { expect, test } from "vitest"
import { schemas } from "../src/index.ts"

const { flag, integer, listOf, object, oneOf, only, parse, text } = schemas

const file = object({
  name: text,
  sizes: v.optional(listOf(integer([1, 9]))),
  image: v.nullish(object({ side: schemas.count, mean: v.optional(schemas.number) })),
  kind: v.optional(oneOf(["a", "b"])),
  own: v.optional(only("a thing", { on: flag })),
})

test.each<[unknown, string]>([
  [null, "x.json: must hold an object, got null"],
  [[], "x.json: must hold an object, got []"],
  [{}, "x.json: name must be text, got undefined"],
  [{ name: 5 }, "x.json: name must be text, got 5"],
  [{ name: "", sizes: "12" }, 'x.json: sizes must be a list, got "12"'],
  [{ name: "", sizes: [1, "2"] }, 'x.json: sizes[1] must be a number, got "2"'],
  [{ name: "", sizes: [10] }, "x.json: sizes[0] must be an integer from 1 to 9, got 10"],
  [{ name: "", sizes: [1.5] }, "x.json: sizes[0] must be an integer from 1 to 9, got 1.5"],
  [{ name: "", image: { side: -1 } }, "x.json: image.side must be a count, got -1"],
  [
    { name: "", image: { side: 1, mean: Number.POSITIVE_INFINITY } },
    "x.json: image.mean must be a number, got Infinity",
  ],
  [{ name: "", kind: "c" }, 'x.json: kind must be one of a, b, got "c"'],
  [{ name: "", own: 3 }, "x.json: own must be an object, got 3"],
  [{ name: "", own: { on: true, of: 1 } }, "x.json: own.of is not a field of a thing"],
  [{ name: "", own: { on: true, toString: 1 } }, "x.json: own.toString is not a field of a thing"],
  [{ name: "", own: { on: true, "a\nb": 1 } }, 'x.json: own["a\\nb"] is not a field of a thing'],
])("%j is refused by its path", (data, message) => {
  const refused = (): unknown => parse(file, data, "x.json")
  expect(refused).toThrow(VitrineError)
  expect(refused).toThrow(expect.objectContaining({ kind: "config", message }))
})

test("what fits is given back, with fields that the schema does not name", () => {
  const data = { name: "n", sizes: [1, 9], image: null, other: { deep: [1] } }
  expect(parse(file, data, "x.json")).toEqual(data)
})

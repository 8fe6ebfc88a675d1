/// <reference types="vite/client" />
import { describe, expect, test } from "vitest"
import { recordOf } from "../../src/tasks/classify/record.ts"
import { resolveRecipe } from "../../src/tasks/classify/recipe.ts"
import { resolveDetectionRecipe } from "../../src/tasks/detect/recipe.ts"
import { detectionRecordOf } from "../../src/tasks/detect/record.ts"
import { resolveReadingRecipe } from "../../src/tasks/read/recipe.ts"
import type { ReadingRecipe } from "../../src/tasks/read/recipe-type.ts"
import { readingRecordOf } from "../../src/tasks/read/record.ts"
import {
  detectionFacts,
  facts,
  faults,
  goodClassification,
  goodDetection,
  goodReading,
  readingFacts,
} from "../faults.ts"
import { expectOneLine } from "../mutations.ts"

// The same as in Node: engines differ in the words of their own errors, which must not come through.

const classify = (recipe: object): unknown => resolveRecipe(recipe, facts, 0)
const detect = (recipe: object): unknown => resolveDetectionRecipe(recipe, detectionFacts, 0)
const read = (recipe: object): unknown => resolveReadingRecipe(recipe as ReadingRecipe, readingFacts, 0)

test("faulty recipes are refused in one line", () => {
  for (const [recipe, message] of faults) expect(() => classify(recipe)).toThrow(message)
})

/** All recipes but that of a reader, whose `vitrine` is Node's. */
const recipes = import.meta.glob(["../../../../recipes/*.ts", "!**/mnist-rows.ts"], { import: "default" })

describe("a recipe with one change resolves or says in one line what is wrong", () => {
  test.each(Object.entries(recipes))("%s", async (_, load) => {
    const recipe = await load()
    expectOneLine(typeof recipe === "function" ? recipe(facts) : Object(recipe), classify, {
      where: "recipe",
      depth: 1,
    })
  })

  test.each([
    ["everything that classifiers can be told", goodClassification, classify],
    ["detection", goodDetection, detect],
    ["reading", goodReading, read],
  ])("%s", (_, recipe, resolve) => {
    expect(expectOneLine(recipe, resolve, { where: "recipe", depth: 1 })).toBeGreaterThan(50)
  })
})

const records = import.meta.glob<object>("../stored/*/config.json", { import: "default", eager: true })

test.each([
  ["classify", (json: unknown) => recordOf(json)],
  ["masked-patch", (json: unknown) => recordOf(json)],
  ["resnet", (json: unknown) => recordOf(json)],
  ["detect", (json: unknown) => detectionRecordOf(json, "config.json")],
  ["read", (json: unknown) => readingRecordOf(json, "config.json")],
])("a record with one change is read or says in one line what is wrong: %s", (name, recordOf) => {
  const json = records[`../stored/${name}/config.json`] ?? {}
  expect(recordOf(json)).not.toBeNull()
  expect(expectOneLine(json, recordOf, { root: ["vitrine"], where: "config.json", depth: 2 })).toBeGreaterThan(25)
})

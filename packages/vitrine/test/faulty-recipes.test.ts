import { readdirSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { recordOf } from "../src/tasks/classify/record.ts"
import { resolveRecipe } from "../src/tasks/classify/recipe.ts"
import { resolveDetectionRecipe } from "../src/tasks/detect/recipe.ts"
import { detectionRecordOf } from "../src/tasks/detect/record.ts"
import { resolveReadingRecipe } from "../src/tasks/read/recipe.ts"
import type { ReadingRecipe } from "../src/tasks/read/recipe-type.ts"
import { readingRecordOf } from "../src/tasks/read/record.ts"
import {
  detectionFacts,
  facts,
  faults,
  goodClassification,
  goodDetection,
  goodReading,
  readingFacts,
} from "./faults.ts"
import { expectOneLine } from "./mutations.ts"

const classify = (recipe: object): unknown => resolveRecipe(recipe, facts, 0)
const detect = (recipe: object): unknown => resolveDetectionRecipe(recipe, detectionFacts, 0)
const read = (recipe: object): unknown => resolveReadingRecipe(recipe as ReadingRecipe, readingFacts, 0)

describe("a faulty recipe is refused in one line that names the field, what was expected and what came", () => {
  test.each(faults)("%j", (recipe, message) => {
    expect(() => classify(recipe)).toThrow(message)
    expect(() => classify(recipe)).toThrow(
      expect.objectContaining({ name: "VitrineError", message: expect.not.stringContaining("\n") }),
    )
  })

  test("of detection", () => {
    const refused = (recipe: object, message: string): void => expect(() => detect(recipe)).toThrow(message)
    refused({ loss: "binary" }, "recipe: loss is not a field of a recipe for detection")
    refused({ model: { queries: 0 } }, "recipe: model.queries must be an integer from 1 to 65536, got 0")
    refused(
      { model: { backbone: { kind: "vgg" } } },
      'recipe: model.backbone.kind must be one of resnet, vit, got "vgg"',
    )
    refused(
      { losses: { boxweight: 1 } },
      "recipe: losses.boxweight is not a field of the losses; did you mean boxWeight?",
    )
    refused(
      { augment: [{ op: "either", first: [], second: [{ op: "flip" }] }] },
      "recipe: augment[0].second[0].p is missing",
    )
  })

  test("of reading", () => {
    const refused = (recipe: object, message: string): void => expect(() => read(recipe)).toThrow(message)
    refused({ task: "read", characters: [1] }, "recipe: characters must be [an integer from 1 to 256, ")
    refused({ task: "read", model: { channels: 2 } }, "recipe: model.channels must be one of 1, 3, got 2")
    refused({ task: "read", model: { depth: 2 } }, "recipe: model.depth is not a field of a reader")
  })
})

const folder = fileURLToPath(new URL("../../../recipes/", import.meta.url))
const names = readdirSync(folder).filter((file) => file.endsWith(".ts"))

describe("a recipe with one change resolves or says in one line what is wrong", () => {
  const checks = { where: "recipe", depth: 1 }

  test.each(names)("%s", async (file) => {
    const { default: recipe } = await import(`${folder}${file}`)
    const plain = typeof recipe === "function" ? recipe(facts) : recipe
    expectOneLine(plain, basename(file) === "mnist-rows.ts" ? read : classify, checks)
  })

  test.each(names)("%s states what its result relies on, so that later defaults do not change it", async (file) => {
    const { default: recipe } = await import(`${folder}${file}`)
    const fields = Object.keys(typeof recipe === "function" ? recipe(facts) : recipe)
    const training = ["batchSize", "optimizer", "learningRate", "schedule", "weightDecay", "clip"]
    expect(fields).toEqual(expect.arrayContaining(training))
    expect(fields.includes("steps") !== fields.includes("epochs")).toBe(true)
    const text = readFileSync(`${folder}${file}`, "utf8")
    if (file === "mnist-rows.ts") return
    expect(fields).toContain("dropLast")
    if (/accuracy/i.test(text)) expect(fields).toEqual(expect.arrayContaining(["init", "best"]))
  })

  test.each([
    ["everything that classifiers can be told", goodClassification, classify],
    ["detection", goodDetection, detect],
    ["reading", goodReading, read],
  ])("%s", (_, recipe, resolve) => {
    resolve(recipe)
    expect(expectOneLine(recipe, resolve, { ...checks, runs: 600 })).toBeGreaterThan(200)
  })
})

describe("a record with one change is read or says in one line what is wrong", () => {
  test.each([
    ["classify", (json: unknown) => recordOf(json)],
    ["masked-patch", (json: unknown) => recordOf(json)],
    ["resnet", (json: unknown) => recordOf(json)],
    ["detect", (json: unknown) => detectionRecordOf(json, "config.json")],
    ["read", (json: unknown) => readingRecordOf(json, "config.json")],
  ])("%s", (name, recordOf) => {
    const file = fileURLToPath(new URL(`stored/${name}/config.json`, import.meta.url))
    const json = JSON.parse(readFileSync(file, "utf8"))
    expect(recordOf(json)).not.toBeNull()
    const refused = expectOneLine(json, recordOf, { root: ["vitrine"], where: "config.json", depth: 2, runs: 400 })
    expect(refused).toBeGreaterThan(50)
  })
})

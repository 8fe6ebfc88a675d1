import { familyOfRecipe, schemas } from "@vitrine/checkpoint"
import { type Fields, initSchemes } from "@vitrine/core"
import { cropModeNames, interpolations } from "@vitrine/data"
import { distillationFields } from "@vitrine/trainer"
import * as v from "valibot"
import {
  entriesOf,
  fieldOf,
  fieldSchema,
  isObject,
  onlyFields,
  lenient,
  partialEntries,
  type Schema,
  strict,
} from "../../fields-schema.ts"
import {
  mixSchema,
  originFields,
  recipeFields,
  resolvedFields,
  trainingEntries,
  transformsSchema,
} from "../../training-schema.ts"
import { bestNames } from "./best.ts"
import { objectiveNames } from "./objectives.ts"
import type { Recipe } from "./recipe-type.ts"
import type { RunRecord } from "./record-type.ts"
const classifyFields: Fields = {
  init: { kind: "choice", of: initSchemes },
  task: { kind: "choice", of: objectiveNames },
  threshold: { kind: "number", above: 0, below: 1 },
  labelSmoothing: { kind: "number", from: 0, to: 1 },
  dropLast: { kind: "boolean" },
  interpolation: { kind: "choice", of: interpolations },
  cropPct: { kind: "number", from: 0.1, to: 1 },
  cropMode: { kind: "choice", of: cropModeNames },
  best: { kind: "choice", of: bestNames },
}

const withoutVariant = v.pipe(
  schemas.object({ variant: v.optional(schemas.text) }),
  v.transform((model) => {
    const { variant: _, ...fields } = model
    return fields
  }),
)

/** The name of a variant, or the fields of a configuration, by the schema of their family. */
const modelSchema: Schema = v.lazy((model) => {
  if (typeof model === "string") return schemas.text
  const variant = fieldOf(model, "variant")
  const family = familyOfRecipe(typeof variant === "string" ? variant : undefined, Object(model))
  return v.pipe(
    v.unknown(),
    v.check(isObject, "the name of a variant or an object"),
    onlyFields(`a ${family.label}`, ["variant", ...family.fields]),
    withoutVariant,
    family.schema,
  )
})

const recipeSchema = strict("a recipe", {
  ...trainingEntries(strict),
  ...partialEntries({ ...recipeFields, ...classifyFields }),
  model: v.optional(modelSchema),
  augment: v.optional(transformsSchema(strict)),
  augmentNormalized: v.optional(transformsSchema(strict)),
  distillation: v.optional(strict("a distillation", partialEntries(distillationFields))),
  mix: v.optional(mixSchema(strict)),
})

/**
 * Checks the recipe of a classifier.
 * @throws VitrineError (config) with the path of the first invalid field
 */
export function checkRecipe(recipe: unknown): asserts recipe is Recipe {
  schemas.parse(recipeSchema, recipe, "recipe")
}

/** A record in a file. Older versions wrote fewer fields of the recipe. */
export type StoredRecord = Omit<Partial<RunRecord>, "data" | "seed" | "recipe"> &
  Pick<RunRecord, "data" | "seed"> & {
    readonly recipe: Partial<RunRecord["recipe"]> &
      Pick<RunRecord["recipe"], "config" | "batchSize" | "augment" | "mean" | "std" | "evaluateEvery" | "training">
  }

const count = { kind: "number", integer: true, from: 0 } as const

const recordSchema = lenient("a record", {
  ...entriesOf(originFields),
  from: v.optional(schemas.text),
  architecture: v.optional(schemas.text),
  teacher: v.optional(schemas.text),
  classes: v.optional(schemas.listOf(schemas.text)),
  perClass: v.optional(fieldSchema({ kind: "number", integer: true, from: 1 })),
  fileColumn: v.optional(schemas.text),
  labelColumns: v.optional(schemas.listOf(schemas.text)),
  trainSplit: v.optional(schemas.text),
  order: v.optional(schemas.text),
  listing: v.optional(
    lenient("a listing", {
      ...entriesOf({ files: count, bytes: count, digest: { kind: "text" } }),
    }),
  ),
  examples: v.optional(fieldSchema({ kind: "number", integer: true, from: 1 })),
  testValidates: v.optional(fieldSchema({ kind: "boolean" })),
  recipe: lenient("a recipe", {
    ...entriesOf(resolvedFields),
    // Runs of older versions could have any share.
    ...partialEntries({ ...classifyFields, cropPct: { kind: "number", above: 0 } }),
    config: schemas.object({}),
    augment: transformsSchema(lenient),
    augmentNormalized: v.optional(transformsSchema(lenient)),
    distillation: v.nullish(lenient("a distillation", entriesOf(distillationFields))),
    mix: v.nullish(mixSchema(lenient)),
    training: lenient("options of training", trainingEntries(lenient)),
  }),
})

/** @throws VitrineError (config) with the path of the first invalid field */
export function checkRecord(record: unknown, file: string): asserts record is StoredRecord {
  schemas.parse(recordSchema, record, file, "vitrine")
}

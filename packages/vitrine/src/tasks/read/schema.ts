import { schemas } from "@vitrine/checkpoint"
import type { Fields } from "@vitrine/core"
import { seq2seqFields, sourceFields, transformerFields } from "@vitrine/seq2seq"
import * as v from "valibot"
import {
  type Entries,
  entriesOf,
  fieldSchema,
  lenient,
  type ObjectSchema,
  partialEntries,
  type Schema,
  strict,
  taggedSchema,
} from "../../fields-schema.ts"
import { originFields, recipeFields, resolvedFields, trainingEntries } from "../../training-schema.ts"
import type { ReadingRecipe } from "./recipe-type.ts"
import type { ReadingRecord } from "./record-type.ts"
/** Training options that readers do not have. */
const absentOptions = ["seed", "loss", "classWeights", "layerDecay"] as const

const count = { kind: "number", integer: true, from: 1, to: 256 } as const
const readingFields: Fields = {
  characters: { kind: "tuple", of: [count, count] },
  labelSmoothing: { kind: "number", from: 0, below: 1 },
}

const { length, tied } = seq2seqFields
const { imageSize, patchSize } = sourceFields.image
const modelFields: Fields = {
  ...transformerFields,
  imageSize,
  patchSize,
  channels: { kind: "choice", of: [1, 3] },
  length,
  tied,
}

const recipeSchema = ((): Schema => {
  const training = Object.entries(trainingEntries(strict)).filter(
    ([name]) => !absentOptions.some((each) => each === name),
  )
  return strict("a recipe for reading", {
    ...Object.fromEntries(training),
    ...partialEntries({ ...recipeFields, ...readingFields }),
    task: v.optional(fieldSchema({ kind: "choice", of: ["read"] })),
    model: v.optional(strict("a reader", partialEntries(modelFields))),
  })
})()

/**
 * Checks the recipe of a model that reads.
 * @throws VitrineError (config) with the path of the first invalid field
 */
export function checkReadingRecipe(recipe: unknown): asserts recipe is ReadingRecipe {
  schemas.parse(recipeSchema, recipe, "recipe")
}

/** The entries of a Seq2SeqConfig. Those with defaults are optional. */
function modelEntries(object: ObjectSchema): Entries {
  const { tokens, image } = sourceFields
  const source = taggedSchema(object, "kind", "source", { tokens: entriesOf(tokens), image: entriesOf(image) })
  return {
    ...partialEntries(transformerFields),
    ...entriesOf(seq2seqFields),
    tied: v.optional(fieldSchema(tied)),
    source,
  }
}

/** A record in a file. The fields of RunOrigin with defaults may be missing. */
export type StoredReadingRecord = Partial<ReadingRecord> & Pick<ReadingRecord, "data" | "seed" | "recipe">

const recordSchema = lenient("a record", {
  ...entriesOf(originFields),
  recipe: lenient("a recipe", {
    ...entriesOf({ ...resolvedFields, ...readingFields }),
    config: lenient("a reader", modelEntries(lenient)),
    training: lenient("options of training", trainingEntries(lenient)),
  }),
})

/** @throws VitrineError (config) with the path of the first invalid field */
export function checkReadingRecord(record: unknown, file: string): asserts record is StoredReadingRecord {
  schemas.parse(recordSchema, record, file, "vitrine")
}

import { schemas, vitSchema } from "@vitrine/checkpoint"
import { type Fields, rowNames } from "@vitrine/core"
import { detectionLossFields, detectionTransforms, detrFields } from "@vitrine/detection"
import { resnetFields } from "@vitrine/resnet"
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
import type { DetectionRecipe } from "./recipe-type.ts"
import type { DetectionRecord } from "./record-type.ts"
/** Training options that detectors do not have. */
const absentOptions = ["loss", "classWeights", "layerDecay", "ema", "emaWarmup"] as const

const side = { kind: "number", integer: true, from: 1, to: 16384 } as const
const imageFields: Fields = { imageSize: { kind: "tuple", of: [side, side] } }

/** The entries of a DetrConfig. All are optional. */
function modelEntries(object: ObjectSchema): Entries {
  const backbone = taggedSchema(object, "kind", "backbone", {
    resnet: { config: object("a ResNet", partialEntries(resnetFields)) },
    vit: { config: vitSchema },
  })
  return { ...partialEntries(detrFields), backbone: v.optional(backbone) }
}

/** A list of augmentation steps. */
function augmentSchema(object: ObjectSchema): Schema {
  const steps: Schema = v.lazy(() => v.array(step, "a list"))
  const rows = rowNames(detectionTransforms).map((op) => {
    const { fields, nested = [] } = detectionTransforms[op]
    return [op, { ...entriesOf(fields), ...Object.fromEntries(nested.map((name) => [name, steps])) }] as const
  })
  const step = taggedSchema(object, "op", "transform", Object.fromEntries(rows))
  return steps
}

const recipeSchema = ((): Schema => {
  const training = Object.entries(trainingEntries(strict)).filter(
    ([name]) => !absentOptions.some((each) => each === name),
  )
  return strict("a recipe for detection", {
    ...Object.fromEntries(training),
    ...partialEntries({ ...recipeFields, ...imageFields }),
    model: v.optional(strict("a detector", modelEntries(strict))),
    augment: v.optional(augmentSchema(strict)),
    losses: v.optional(strict("the losses", partialEntries(detectionLossFields))),
  })
})()

/**
 * Checks the recipe of a detector.
 * @throws VitrineError (config) with the path of the first invalid field
 */
export function checkDetectionRecipe(recipe: unknown): asserts recipe is DetectionRecipe {
  schemas.parse(recipeSchema, recipe, "recipe")
}

/** A record in a file. Older versions wrote no `losses`. */
export type StoredDetectionRecord = Omit<Partial<DetectionRecord>, "data" | "seed" | "recipe"> &
  Pick<DetectionRecord, "data" | "seed" | "recipe">

const recordSchema = lenient("a record", {
  ...entriesOf(originFields),
  format: v.optional(fieldSchema({ kind: "choice", of: ["coco", "voc"] })),
  recipe: lenient("a recipe", {
    ...entriesOf({ ...resolvedFields, ...imageFields }),
    config: lenient("a detector", modelEntries(lenient)),
    augment: augmentSchema(lenient),
    losses: v.optional(lenient("the losses", partialEntries(detectionLossFields))),
    training: lenient("options of training", trainingEntries(lenient)),
  }),
})

/** @throws VitrineError (config) with the path of the first invalid field */
export function checkDetectionRecord(record: unknown, file: string): asserts record is StoredDetectionRecord {
  schemas.parse(recordSchema, record, file, "vitrine")
}

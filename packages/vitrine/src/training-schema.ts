/** Schemas of the fields that recipes and records of all tasks share. */
import { mixFields, transformFields } from "@vitrine/data"
import { type Fields, rowNames, VitrineError } from "@vitrine/core"
import { optimizers, scheduleFields, trainingFields, type TrainingOptions } from "@vitrine/trainer"
import * as v from "valibot"
import {
  type Entries,
  entriesOf,
  type ObjectSchema,
  partialEntries,
  type Schema,
  taggedSchema,
} from "./fields-schema.ts"

/** The entries of TrainingOptions. All are optional. */
export function trainingEntries(object: ObjectSchema): Entries {
  const rows = Object.fromEntries(Object.entries(optimizers).map(([name, { fields }]) => [name, entriesOf(fields)]))
  return {
    ...partialEntries(trainingFields),
    optimizer: v.optional(taggedSchema(object, "name", "optimizer", rows)),
    schedule: v.optional(object("a schedule", entriesOf(scheduleFields))),
  }
}

const optionNames: readonly string[] = [...Object.keys(trainingFields), "optimizer", "schedule"]

/**
 * The training options in a recipe.
 * @throws VitrineError (config) for a seed, which is an option of a run
 */
export function optionsIn(recipe: Partial<TrainingOptions>): Partial<TrainingOptions> {
  if (recipe.seed !== undefined)
    throw new VitrineError("config", "recipe: seed is no part of a recipe: give it to the run (seed, --seed)")
  return Object.fromEntries(
    Object.entries(recipe).filter(([name, value]) => optionNames.includes(name) && value !== undefined),
  )
}

const positiveInteger = { kind: "number", integer: true, from: 1 } as const

/** Fields of all recipes besides TrainingOptions. */
export const recipeFields: Fields = {
  epochs: { kind: "number", above: 0, to: 1e6 },
  batchSize: positiveInteger,
  evaluateEvery: positiveInteger,
  mean: { kind: "list", of: { kind: "number" } },
  std: { kind: "list", of: { kind: "number", above: 0 } },
}

/** Fields of all records. */
export const originFields: Fields = {
  data: { kind: "text" },
  seed: { kind: "number", integer: true, from: 0 },
  valFraction: { kind: "number", from: 0, below: 1, optional: true },
  checkpointEvery: { kind: "number", above: 0, optional: true },
  engines: { kind: "list", of: { kind: "text" }, optional: true },
  extensions: { kind: "list", of: { kind: "record", of: { kind: "number", integer: true, from: 0 } }, optional: true },
}

/** Fields of the recipes in all records. */
export const resolvedFields: Fields = {
  batchSize: positiveInteger,
  evaluateEvery: { kind: "number", above: 0 },
  mean: { kind: "list", of: { kind: "number" } },
  std: { kind: "list", of: { kind: "number", above: 0 } },
}

/** A list of transforms from an image to a model's input. */
export function transformsSchema(object: ObjectSchema): Schema {
  const rows = Object.fromEntries(rowNames(transformFields).map((op) => [op, entriesOf(transformFields[op])]))
  return v.array(taggedSchema(object, "op", "transform", rows), "a list")
}

export function mixSchema(object: ObjectSchema): Schema {
  return object("a mix", entriesOf(mixFields))
}

import { taskRecord } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { type Alphabet, alphabet, seq2seqConfig } from "@vitrine/seq2seq"
import { trainingOptions } from "@vitrine/trainer"
import { labelNames, originOf, type RunOrigin } from "../../origin.ts"
import type { ResolvedReadingRecipe } from "./recipe.ts"

/** What the run folder of a reader remembers in `config.json`, so that it can be used and go on alone. */
export interface ReadingRecord extends RunOrigin {
  readonly task: "read"
  readonly recipe: ResolvedReadingRecipe
}

/** `config.json` of a reader's run; the characters are its alphabet. */
export function readingConfig(record: ReadingRecord, { characters }: Alphabet): object {
  return { architecture: "transformer", num_classes: characters.length, label_names: characters, vitrine: record }
}

/**
 * The record and the alphabet in a `config.json`; null for one that is not of a reader's run.
 * @throws VitrineError (config, file) for a record that makes no sense.
 */
export function readingRecordOf(
  json: unknown,
  name: string,
): { readonly record: ReadingRecord; readonly alphabet: Alphabet } | null {
  const record: Partial<ReadingRecord> | null = taskRecord(json, "read")
  if (record === null) return null
  const fail = (what: string): never => {
    throw new VitrineError("file", `${name}: ${what}`)
  }
  const { recipe } = record
  const origin = recipe && originOf(record, recipe.evaluateEvery)
  if (typeof recipe !== "object" || !origin) return fail("its record of the run lacks data, seed or recipe")
  const inFile = <T>(make: () => T): T => {
    try {
      return make()
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      throw new VitrineError(error.kind, `${name}: ${error.message}`)
    }
  }
  const config = inFile(() => seq2seqConfig(recipe.config))
  const { source } = config
  if (source.kind !== "image") return fail("is of a model that reads no images")
  const numbers = (list: unknown): boolean =>
    Array.isArray(list) && list.length === source.channels && list.every(Number.isFinite)
  if (!numbers(recipe.mean) || !numbers(recipe.std))
    return fail(`its mean and std are not ${source.channels === 1 ? "a number" : `${source.channels} numbers`} each`)
  if (!recipe.std.every((value) => value > 0)) return fail(`its std must be above 0, got ${JSON.stringify(recipe.std)}`)
  const { batchSize, characters } = recipe
  if (!(Number.isSafeInteger(batchSize) && batchSize > 0)) return fail("its recipe has no batchSize")
  if (!Array.isArray(characters) || characters.length !== 2 || !characters.every(Number.isSafeInteger))
    return fail("its characters are not two integers")
  const own = inFile(() => alphabet(labelNames(json)))
  if (own.size !== config.vocabulary || config.begin !== own.begin || config.end !== own.end)
    return fail(`has a vocabulary of ${config.vocabulary}, but ${own.characters.length} label_names`)
  return {
    alphabet: own,
    record: {
      task: "read",
      ...origin,
      recipe: { ...recipe, config, training: inFile(() => trainingOptions(recipe.training)) },
    },
  }
}

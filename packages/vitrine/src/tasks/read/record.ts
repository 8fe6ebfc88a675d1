import { taskRecord } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { type Alphabet, alphabet, seq2seqConfig } from "@vitrine/seq2seq"
import { trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { labelNames, originOf } from "../../origin.ts"
import { checkReadingRecord } from "./schema.ts"
import type { ReadingRecord } from "./record-type.ts"

/** The `config.json` of a reader's run. The characters are its alphabet. */
export function readingConfig(record: ReadingRecord, { characters }: Alphabet): object {
  return { architecture: "transformer", num_classes: characters.length, label_names: characters, vitrine: record }
}

/**
 * The record and the alphabet in a `config.json`, or null for other models.
 * @param file the file's name in errors
 * @throws VitrineError (config) for an invalid record
 */
export function readingRecordOf(
  json: unknown,
  file: string,
): { readonly record: ReadingRecord; readonly alphabet: Alphabet } | null {
  const record: unknown = taskRecord(json, "read")
  if (record === null) return null
  checkReadingRecord(record, file)
  const { recipe } = record
  const fail = (fault: string): never => {
    throw new VitrineError("config", `${file}: vitrine.recipe.${fault}`)
  }
  const config = inField(file, "vitrine.recipe.config", () => seq2seqConfig(recipe.config))
  const { source } = config
  if (source.kind !== "image") return fail("config.source is not of images")
  const { mean, std } = recipe
  for (const [field, values] of Object.entries({ mean, std }))
    if (values.length !== source.channels)
      fail(`${field} must be ${source.channels} numbers, one a channel, got ${JSON.stringify(values)}`)
  const characters = inField(file, "label_names", () => alphabet(labelNames(json)))
  if (characters.size !== config.vocabulary || config.begin !== characters.begin || config.end !== characters.end)
    fail(`config has a vocabulary of ${config.vocabulary}, but there are ${characters.characters.length} label_names`)
  return {
    alphabet: characters,
    record: {
      task: "read",
      ...originOf(record, recipe.evaluateEvery),
      recipe: {
        ...recipe,
        config,
        training: inField(file, "vitrine.recipe.training", () => trainingOptions(recipe.training)),
      },
    },
  }
}

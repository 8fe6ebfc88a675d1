/** The table of families. A new one is a line of `ModelConfig`, a row here and a folder beside. */
import { hasRow, type ImageModel, rowNames, type ViTConfig, VitrineError } from "@vitrine/core"
import { configError, inFile, shown } from "../errors.ts"
import { isObject } from "../json.ts"
import type { FamilyName, ModelConfig } from "../model-config.ts"
import type { PositionMethod } from "../positions.ts"
import { parse } from "../schema.ts"
import { bit } from "./bit/index.ts"
import type { Family, ReadParameter, Recognition } from "./family.ts"
import { vit } from "./vit/index.ts"

type Families = { readonly [F in FamilyName]: Family<Extract<ModelConfig, { readonly family: F }>> }

export const families: Families = { vit, bit }

const rows: readonly Family[] = Object.values(families)

/**
 * The family of a configuration.
 * @throws VitrineError (config) for a configuration that names none.
 */
export function familyOf({ family }: Pick<ModelConfig, "family">): Family {
  if (hasRow(families, family)) return families[family]
  throw new VitrineError("config", `family must be one of ${rowNames(families).join(", ")}, got ${shown(family)}`)
}

/** The first family that is recognised; undefined where none is. */
export function recognisedFamily(test: (recognises: Recognition) => boolean): Family | undefined {
  return rows.find(({ recognises }) => test(recognises))
}

/** A list over all families. */
export function fromFamilies<T>(list: (recognises: Recognition) => readonly T[]): T[] {
  return rows.flatMap(({ recognises }) => list(recognises))
}

/** The family of timm's architecture; undefined for one that Vitrine does not read. */
export function familyOfArchitecture(architecture: string): Family | undefined {
  return recognisedFamily((each) => each.architecture.test(architecture))
}

/**
 * The family of a recipe's model, by its `family`, its variant, or its fields; a Vision Transformer where nothing tells.
 * @param variant its name, where the recipe has one.
 */
export function familyOfRecipe(variant: string | undefined, fields: object): Family {
  const { family } = { family: undefined, ...fields }
  if (hasRow(families, family)) return families[family]
  if (variant !== undefined) return recognisedFamily((each) => each.variant(variant)) ?? families.vit
  const names = Object.keys(fields)
  const candidates = rows.filter(({ recognises }) => recognises.fields.some((field) => names.includes(field)))
  return candidates.find((each) => names.every((name) => each.fields.includes(name))) ?? candidates[0] ?? families.vit
}

/** The model of a configuration. */
export function imageModel(config: ModelConfig): ImageModel {
  return familyOf(config).model(config)
}

/** The configuration of a model whose blocks attend from every token to every token; null for any other model. */
export function attentionOf(config: ModelConfig): ViTConfig | null {
  return familyOf(config).attention(config)
}

/**
 * The same for whatever needs such a model.
 * @param what needs it; the error begins with it.
 * @throws VitrineError (config) for any other model.
 */
export function attentionConfig(config: ModelConfig, what: string): ViTConfig {
  const attentive = attentionOf(config)
  if (attentive !== null) return attentive
  throw new VitrineError("config", `${what} is for Vision Transformers, and the model is a ${familyOf(config).label}`)
}

/**
 * A configuration as a `config.json` of Vitrine's holds it. Files of older versions have no `family`: their `architecture`
 * tells it.
 * @param at the configuration's path in the file.
 * @param json the whole file.
 * @throws VitrineError (config) with the path of what does not fit.
 */
export function storedConfig(stored: unknown, at: string, json: unknown, file: string): ModelConfig {
  const { family = "" } = isObject(stored) ? stored : {}
  const { architecture = "" } = isObject(json) ? json : {}
  const row = hasRow(families, family) ? families[family] : familyOfArchitecture(String(architecture))
  if (row === undefined)
    throw configError(file, `${at}.family must be one of ${rowNames(families).join(", ")}, got ${shown(family)}`)
  return checkedConfig(row, parse(row.schema, stored, file, at), at, file)
}

/** The configuration of fields that fit the schema, with the path in the file before what cannot be. */
export function checkedConfig(family: Family, fields: Partial<ModelConfig>, at: string, file: string): ModelConfig {
  const paths = Object.fromEntries(family.fields.map((field) => [field, `${at}.${field}`]))
  return inFile(file, () => family.config(fields), { "": at, ...paths })
}

/**
 * The weights that a model needs at another image size than theirs. Learned positions are resized, fixed ones computed
 * anew; a model without positions needs none.
 * @param read reads a tensor of the weights, where one has to be resized.
 */
export async function resizeWeights(
  from: ModelConfig,
  to: ModelConfig,
  read: ReadParameter,
  method: PositionMethod = "timm",
): Promise<Record<string, Float32Array>> {
  return from.family === to.family ? familyOf(to).resize(from, to, read, method) : {}
}

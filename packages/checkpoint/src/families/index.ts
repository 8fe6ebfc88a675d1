/** The table of families. To add a family, add a line to `ModelConfig`, a row here and a folder. */
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

/** The families of image classifiers by name. */
export const families: Families = { vit, bit }

const rows: readonly Family[] = Object.values(families)

/**
 * The family of a configuration.
 * @throws VitrineError (config) for a configuration without a known family
 */
export function familyOf({ family }: Pick<ModelConfig, "family">): Family {
  if (hasRow(families, family)) return families[family]
  throw new VitrineError("config", `family must be one of ${rowNames(families).join(", ")}, got ${shown(family)}`)
}

/** The first family that the test recognises, or undefined. */
export function recognisedFamily(test: (recognises: Recognition) => boolean): Family | undefined {
  return rows.find(({ recognises }) => test(recognises))
}

/** Joins lists of all families. */
export function fromFamilies<T>(list: (recognises: Recognition) => readonly T[]): T[] {
  return rows.flatMap(({ recognises }) => list(recognises))
}

/** The family of a timm architecture, or undefined if Vitrine cannot read it. */
export function familyOfArchitecture(architecture: string): Family | undefined {
  return recognisedFamily((each) => each.architecture.test(architecture))
}

/**
 * The family of a recipe's model, from its `family`, its variant or its fields. By default it is the Vision
 * Transformer.
 * @param variant the variant's name, if the recipe has one
 */
export function familyOfRecipe(variant: string | undefined, fields: object): Family {
  const { family } = { family: undefined, ...fields }
  if (hasRow(families, family)) return families[family]
  if (variant !== undefined) return recognisedFamily((each) => each.variant(variant)) ?? families.vit
  const names = Object.keys(fields)
  const candidates = rows.filter(({ recognises }) => recognises.fields.some((field) => names.includes(field)))
  return candidates.find((each) => names.every((name) => each.fields.includes(name))) ?? candidates[0] ?? families.vit
}

/** The model with this configuration. */
export function imageModel(config: ModelConfig): ImageModel {
  return familyOf(config).model(config)
}

/** The configuration of a model whose blocks have one attention from every token to every token, or null for another. */
export function attentionOf(config: ModelConfig): ViTConfig | null {
  return familyOf(config).attention(config)
}

/**
 * The same configuration, or an error.
 * @param what the thing that needs attention; the error begins with it
 * @throws VitrineError (config) for another model
 */
export function attentionConfig(config: ModelConfig, what: string): ViTConfig {
  const attentive = attentionOf(config)
  if (attentive !== null) return attentive
  const { label } = familyOf(config)
  throw new VitrineError(
    "config",
    `${what} is for Vision Transformers whose blocks have one attention, and the model is a ${label}`,
  )
}

/**
 * Reads a configuration in a Vitrine `config.json`. Files of older versions have no `family`. It follows from their
 * `architecture`.
 * @param at the path of the configuration in the file
 * @param json the whole file
 * @throws VitrineError (config) with the path of the invalid field
 */
export function storedConfig(stored: unknown, at: string, json: unknown, file: string): ModelConfig {
  const { family = "" } = isObject(stored) ? stored : {}
  const architecture = isObject(json) && typeof json.architecture === "string" ? json.architecture : ""
  const row = hasRow(families, family) ? families[family] : familyOfArchitecture(architecture)
  if (row === undefined)
    throw configError(file, `${at}.family must be one of ${rowNames(families).join(", ")}, got ${shown(family)}`)
  return checkedConfig(row, parse(row.schema, stored, file, at), at, file)
}

/** Makes a configuration from fields that fit the schema. Errors name the path in the file. */
export function checkedConfig(family: Family, fields: Partial<ModelConfig>, at: string, file: string): ModelConfig {
  const paths = Object.fromEntries(family.fields.map((field) => [field, `${at}.${field}`]))
  return inFile(file, () => family.config(fields), { "": at, ...paths })
}

/**
 * The weights that change for another image size. Learned positions are resized, fixed ones are computed again. A model
 * without positions needs no changes.
 * @param read reads a tensor of the weights that has to be resized
 */
export async function resizeWeights(
  from: ModelConfig,
  to: ModelConfig,
  read: ReadParameter,
  method: PositionMethod = "timm",
): Promise<Record<string, Float32Array>> {
  return from.family === to.family ? familyOf(to).resize(from, to, read, method) : {}
}

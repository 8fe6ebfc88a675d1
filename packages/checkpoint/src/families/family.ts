import type { ImageModel, InitScheme, Key, Parameter, ViTConfig } from "@vitrine/core"
import type { ModelHints } from "../description.ts"
import type { ModelConfig } from "../model-config.ts"
import type { PositionMethod } from "../positions.ts"
import type { Schema } from "../schema.ts"
import type { HuggingFaceFormat, TimmFormat, WeightsFormat } from "./formats.ts"

/**
 * A family of image classifiers. All differences between families are in these objects. `index.ts` has a row for each.
 */
export interface Family<C extends ModelConfig = ModelConfig> {
  /** The family's name in sentences, such as "Vision Transformer". */
  readonly label: string
  readonly recognises: Recognition

  /** The types of a configuration's fields. All fields are optional. */
  readonly schema: Schema<Partial<C>>
  /** The names of these fields. */
  readonly fields: readonly string[]
  /**
   * Checks a configuration, and adds defaults.
   * @throws VitrineError (config) for an impossible configuration
   */
  config(fields: Partial<C>): C
  model(config: C): ImageModel

  describe(config: C): ModelWords
  /** The model's values for the hints. */
  hints(config: C): Readonly<Partial<Record<keyof ModelHints, unknown>>>
  /** The name of the layer that reads the image. */
  firstConvolution(config: C): string
  /** The configuration of a model whose blocks have one attention from every token to every token, or null for another. */
  attention(config: C): ViTConfig | null
  /** Whether most of the weights are in linear layers, for which int8 is meant. */
  readonly int8: boolean

  readonly recipes: RecipeRules<C>

  /** Starting values of parameters by name. */
  initialize(parameters: readonly Parameter[], config: C, scheme: InitScheme, key: Key): Record<string, Float32Array>
  /**
   * The weights that change for another image size.
   * @param read reads a parameter of `from`
   */
  resize(from: C, to: C, read: ReadParameter, method: PositionMethod): Promise<Record<string, Float32Array>>

  /** The formats of the family in other libraries. Each is loaded when it is needed. Runs have timm's format. */
  readonly formats: {
    timm(): Promise<TimmFormat<C>>
    huggingFace?(): Promise<HuggingFaceFormat<C>>
    /** Weights with timm's names without a `config.json`. */
    timmWeights?(): Promise<WeightsFormat<C>>
    /** Weights in Google's .npz files. */
    googleWeights?(): Promise<WeightsFormat<C>>
  }
}

export type ReadParameter = (name: string) => Promise<Float32Array> | Float32Array

/** The facts by which files and recipes are recognised as the family's. */
export interface Recognition {
  /** timm's names of architectures. */
  readonly architecture: RegExp
  /** Words for the architectures in timm, with an example, for lists in errors. */
  readonly architectures: string
  /** The `model_type`s of transformers. */
  readonly modelTypes: readonly string[]
  /** The name of a tensor by which weights without a `config.json` are recognised. */
  readonly tensor: RegExp
  /** Whether a name is that of a variant. */
  variant(name: string): boolean
  /**
   * Fields by which a recipe's model is recognised. If several families match, the first one that has all fields of the
   * recipe is chosen.
   */
  readonly fields: readonly string[]
}

/** Words for a model. */
export interface ModelWords {
  /** The kind of model in the ViT paper's words: "ViT", "hybrid" or "BiT". */
  readonly kind: string
  /** Words that follow "a", such as "Vision Transformer without a ResNet before it". */
  readonly noun: string
  /** Family, depth and width in short. */
  readonly short: string
  readonly structure: string
  /** How the model divides images, such as "in patches of 16×16: 197 tokens". Empty if it does not. */
  readonly input: string
  /** What the features of the model are, such as "the class token". */
  readonly features: string
}

/** The rules of recipes for the family. */
export interface RecipeRules<C extends ModelConfig = ModelConfig> {
  readonly initSchemes: readonly InitScheme[]
  /** The default scheme. */
  readonly initScheme: InitScheme
  /** The fields that a variant's name determines. */
  readonly variantFields: readonly string[]
  /** The fields that make the head one linear layer. */
  readonly linearHead: Partial<C>
  /** @throws VitrineError (config) for a name that is no variant */
  variant(name: string, fields: Partial<C>): C
  /**
   * The configuration of a recipe.
   * @param variant the variant's name, if the recipe has one
   * @param small whether the images are small
   */
  config(fields: Partial<C>, variant: string | undefined, small: boolean): C
}

import type { ImageModel, InitScheme, Key, Parameter, ViTConfig } from "@vitrine/core"
import type { ModelHints } from "../description.ts"
import type { ModelConfig } from "../model-config.ts"
import type { PositionMethod } from "../positions.ts"
import type { Schema } from "../schema.ts"
import type { HuggingFaceFormat, TimmFormat, WeightsFormat } from "./formats.ts"

/** A family of image classifiers. `index.ts` has a row for each; what differs between families stands here alone. */
export interface Family<C extends ModelConfig = ModelConfig> {
  /** The family's name in sentences, such as "Vision Transformer". */
  readonly label: string
  readonly recognises: Recognition

  /** The type of each field of a configuration. Fields may be left out. */
  readonly schema: Schema<Partial<C>>
  /** The names of these fields. */
  readonly fields: readonly string[]
  /**
   * A checked configuration. Missing fields have defaults.
   * @throws VitrineError (config) for a model that cannot exist.
   */
  config(fields: Partial<C>): C
  model(config: C): ImageModel

  describe(config: C): ModelWords
  /** Values of the hints that the model has. */
  hints(config: C): Readonly<Partial<Record<keyof ModelHints, unknown>>>
  /** The layer that reads the image. */
  firstConvolution(config: C): string
  /** The configuration of a model whose blocks attend from every token to every token; null for any other. */
  attention(config: C): ViTConfig | null
  /** Whether most of the weights are those of linear layers, which int8 is for. */
  readonly int8: boolean

  readonly recipes: RecipeRules<C>

  /** Starting values by the name of their parameter. */
  initialize(parameters: readonly Parameter[], config: C, scheme: InitScheme, key: Key): Record<string, Float32Array>
  /**
   * The weights that a model needs for another image size.
   * @param read reads a parameter of `from`.
   */
  resize(from: C, to: C, read: ReadParameter, method: PositionMethod): Promise<Record<string, Float32Array>>

  /** How other libraries store the family. Each is loaded when it is needed. Runs are stored in timm's format. */
  readonly formats: {
    timm(): Promise<TimmFormat<C>>
    huggingFace?(): Promise<HuggingFaceFormat<C>>
    /** Weights under timm's names without a `config.json`. */
    timmWeights?(): Promise<WeightsFormat<C>>
    /** Weights in Google's .npz files. */
    googleWeights?(): Promise<WeightsFormat<C>>
  }
}

export type ReadParameter = (name: string) => Promise<Float32Array> | Float32Array

/** By what files and recipes tell the family. */
export interface Recognition {
  /** timm's names of architectures. */
  readonly architecture: RegExp
  /** An architecture of timm's in words, with an example, as an error lists them. */
  readonly architectures: string
  /** The `model_type`s of transformers. */
  readonly modelTypes: readonly string[]
  /** The name of a tensor in weights without a `config.json`. */
  readonly tensor: RegExp
  /** Whether a name is that of a variant. */
  variant(name: string): boolean
  /** Fields that tell the family of a recipe's model. Of several families, the first that has all fields of the recipe is it. */
  readonly fields: readonly string[]
}

/** A model in words. */
export interface ModelWords {
  /** The kind of model as the ViT paper calls it: "ViT", "hybrid" or "BiT". */
  readonly kind: string
  /** The model after "a", such as "Vision Transformer without a ResNet before it". */
  readonly noun: string
  /** Family, depth and width in short. */
  readonly short: string
  readonly structure: string
  /** What becomes of the images, such as "in patches of 16×16: 197 tokens"; empty where there is nothing to say. */
  readonly input: string
}

/** What recipes for the family may say. */
export interface RecipeRules<C extends ModelConfig = ModelConfig> {
  readonly initSchemes: readonly InitScheme[]
  /** The default. */
  readonly initScheme: InitScheme
  /** The fields that a variant's name decides. */
  readonly variantFields: readonly string[]
  /** The fields that make the head one linear layer. */
  readonly linearHead: Partial<C>
  /**
   * @throws VitrineError (config) for a name that is no variant's.
   */
  variant(name: string, fields: Partial<C>): C
  /**
   * The configuration of a recipe.
   * @param variant its name, where the recipe has one.
   * @param small whether the images are small.
   */
  config(fields: Partial<C>, variant: string | undefined, small: boolean): C
}

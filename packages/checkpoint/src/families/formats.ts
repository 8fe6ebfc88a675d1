/** How other libraries store a family of models. */
import type { ModelHints, WeightsModel } from "../description.ts"
import type { Json } from "../json.ts"
import type { ModelConfig } from "../model-config.ts"
import type { PositionMethod } from "../positions.ts"
import type { ShapedSource, TensorNames } from "../sources.ts"
import type { Weights } from "../weights.ts"

/** The fields of timm's `config.json` that describe the model. */
export interface TimmFields {
  /** Without the tag of its weights. */
  readonly architecture: string
  readonly num_classes?: number | null | undefined
  readonly model_args: Json
  /** The path of `pretrained`: "pretrained_cfg", or "" in the older form, where its fields are the file's. */
  readonly at: string
  readonly pretrained: {
    readonly input_size?: readonly [channels: number, height: number, width: number] | undefined
    readonly fixed_input_size?: boolean | null | undefined
    readonly global_pool?: string | null | undefined
    readonly num_classes?: number | null | undefined
  }
}

/** A model in timm's fields. */
export interface TimmModel {
  readonly architecture: string
  readonly num_features: number
  readonly global_pool: "token" | "avg" | "map"
  readonly model_args: Json
  readonly pretrained_cfg: {
    readonly fixed_input_size: boolean
    readonly first_conv: string
    readonly classifier: string | readonly string[]
  }
}

/** A model that is close to another, and how it differs from it, a line each. */
export interface NearModel<C> {
  readonly config: C
  readonly notes: readonly string[]
}

/** https://github.com/huggingface/pytorch-image-models */
export interface TimmFormat<C extends ModelConfig = ModelConfig> {
  /** Whether timm has an architecture of this name that Vitrine reads. */
  has(name: string): boolean
  /** @throws VitrineError (config) for a model that cannot exist, or that has features which Vitrine does not have. */
  read(fields: TimmFields, file: string): C
  write(config: C): TimmModel
  /** The properties of a model that timm cannot be given: it loads or computes it otherwise. */
  beyond(config: C): string[]
  /** The model with the ε that timm computes it with. */
  nearest(config: C): NearModel<C>
}

/** A `model_type` of transformers. */
export interface HuggingFaceType {
  /** What the names of its classes begin with. */
  readonly classes: string
  /** What these names end with. Classes without a head give features. */
  readonly heads: readonly string[]
  /** The preprocessor of a folder without a `preprocessor_config.json`. */
  preprocessor(imageSize: readonly [height: number, width: number]): Json
}

export interface HuggingFaceModel<C extends ModelConfig = ModelConfig> {
  readonly config: C
  /**
   * Which images the model takes: those of the configuration's size, or of any size, with positions resized to it; or
   * those of the preprocessor's size, which becomes the configuration's.
   */
  readonly takes: "its size" | "any size" | "the preprocessor's size"
  readonly positionMethod: PositionMethod
  /** The size of patches that leave out the edges of images which they do not cover. */
  readonly patchSize?: readonly [height: number, width: number]
}

/** https://github.com/huggingface/transformers */
export interface HuggingFaceFormat<C extends ModelConfig = ModelConfig> {
  readonly types: ReadonlyMap<string, HuggingFaceType>
  /**
   * @param architecture the name of the class.
   * @param classes outputs of the head; 0 for a model without one.
   * @throws VitrineError (config) as `TimmFormat.read`.
   */
  read(json: Json, architecture: string, classes: number, file: string): HuggingFaceModel<C>
  /** The fields of a `config.json` that make the same model, and what they cannot say, a line each. */
  write(config: C): { readonly fields: Json; readonly notes: readonly string[] }
  /** The properties of a model that no class of transformers has, or none together with its others. */
  beyond(config: C): string[]
  /** The tensors of a file that make each parameter. */
  sources(header: TensorNames, config: C, modelType: string): Iterable<readonly [string, ShapedSource]>
  /** The tensors of a file, from parameters by timm's names. */
  tensors(config: C, weights: Readonly<Record<string, Float32Array>>): readonly HuggingFaceTensor[]
}

export interface HuggingFaceTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** Weights from whose names and shapes the configuration follows. */
export interface WeightsFormat<C extends ModelConfig = ModelConfig> {
  /** @throws VitrineError (file, config) for weights of another model, and for what must be said and is not. */
  read(weights: Pick<Weights, "tensors">, file: string, hints: ModelHints): WeightsModel<C>
}

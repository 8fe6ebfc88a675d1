/** The formats of model families in other libraries. */
import type { ModelHints, WeightsModel } from "../description.ts"
import type { Json } from "../json.ts"
import type { ModelConfig } from "../model-config.ts"
import type { PositionMethod } from "../positions.ts"
import type { ShapedSource, TensorNames } from "../sources.ts"
import type { Weights } from "../weights.ts"

/** The fields of timm's `config.json` that describe the model. */
export interface TimmFields {
  /** The name of the architecture without the tag of its weights. */
  readonly architecture: string
  readonly num_classes?: number | null | undefined
  readonly model_args: Json
  /** The path of `pretrained`: "pretrained_cfg". In the older form it is "", since its fields are those of the file. */
  readonly at: string
  readonly pretrained: {
    readonly input_size?: readonly [channels: number, height: number, width: number] | undefined
    readonly fixed_input_size?: boolean | null | undefined
    readonly global_pool?: string | null | undefined
    readonly num_classes?: number | null | undefined
  }
}

/** A model as the fields of timm's `config.json`. */
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

/** A model that is similar to another, and the differences, a line each. */
export interface NearModel<C> {
  readonly config: C
  readonly notes: readonly string[]
}

/** https://github.com/huggingface/pytorch-image-models */
export interface TimmFormat<C extends ModelConfig = ModelConfig> {
  /** Whether timm has an architecture with this name that Vitrine can read. */
  has(name: string): boolean
  /** @throws VitrineError (config) for an impossible model, or one with features that Vitrine does not have */
  read(fields: TimmFields, file: string): C
  write(config: C): TimmModel
  /** The properties of a model that timm cannot have. timm would load or compute them in another way. */
  beyond(config: C): string[]
  /**
   * How timm makes a parameter of a tensor of another shape as it loads it, such as positions of another grid; undefined
   * where it does not.
   * @param shape of the tensor.
   */
  resized?(name: string, shape: readonly number[], config: C): ShapedSource | undefined
  /** The model with timm's ε. */
  nearest(config: C): NearModel<C>
}

/** A `model_type` of transformers. */
export interface HuggingFaceType {
  /** The prefix of the names of its classes. */
  readonly classes: string
  /** The suffixes of these names. Classes without a head output features. */
  readonly heads: readonly string[]
  /** The preprocessor of a folder without a `preprocessor_config.json`. */
  preprocessor(imageSize: readonly [height: number, width: number]): Json
  /** Tensors that a file may also hold, such as those of a decoder. Features and logits do not depend on them. */
  readonly unused?: RegExp
}

export interface HuggingFaceModel<C extends ModelConfig = ModelConfig> {
  readonly config: C
  /**
   * The images that the model accepts: those of the configuration's size; or those of any size, to which positions are
   * resized; or those of the preprocessor's size, which becomes the configuration's.
   */
  readonly takes: "its size" | "any size" | "the preprocessor's size"
  readonly positionMethod: PositionMethod
  /** The size of images, where it is more than the configuration's, whose patches do not cover them. */
  readonly imageSize?: readonly [height: number, width: number]
  /** What features are, and what is left out, a line each. */
  readonly notes?: readonly string[]
  /** The patch size, if patches ignore the edges of an image that they do not cover. */
  readonly patchSize?: readonly [height: number, width: number]
}

/** https://github.com/huggingface/transformers */
export interface HuggingFaceFormat<C extends ModelConfig = ModelConfig> {
  readonly types: ReadonlyMap<string, HuggingFaceType>
  /**
   * @param architecture the name of the class
   * @param classes the number of the head's outputs; 0 for a model without a head
   * @throws VitrineError (config) as `TimmFormat.read` does
   */
  read(json: Json, architecture: string, classes: number, file: string): HuggingFaceModel<C>
  /**
   * The fields of a `config.json` that describe the same model, and notes about what they cannot express, a line each.
   */
  write(config: C): { readonly fields: Json; readonly notes: readonly string[] }
  /** The properties of a model that no class of transformers has, or that none combines. */
  beyond(config: C): string[]
  /** The tensors of a file for each parameter. */
  sources(header: TensorNames, config: C, modelType: string): Iterable<readonly [string, ShapedSource]>
  /** The tensors of a file, made from parameters with timm's names. */
  tensors(config: C, weights: Readonly<Record<string, Float32Array>>): readonly HuggingFaceTensor[]
}

/** A parameter under its name in transformers, float32 in row-major order. */
export interface HuggingFaceTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** Weights from whose names and shapes the configuration follows. */
export interface WeightsFormat<C extends ModelConfig = ModelConfig> {
  /** @throws VitrineError (file, config) for weights of another model, and for missing hints */
  read(weights: Pick<Weights, "tensors">, file: string, hints: ModelHints): WeightsModel<C>
}

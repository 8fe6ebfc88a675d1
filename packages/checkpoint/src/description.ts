import type { Activation } from "@vitrine/core"
import type { ModelConfig } from "./model-config.ts"
import type { PositionMethod } from "./positions.ts"
import type { ProblemType } from "./problem-type.ts"
import type { Preprocessing } from "./preprocessing.ts"
import type { WeightSources } from "./weights.ts"

/** The facts in the files of a model. */
export interface ModelDescription<C extends ModelConfig = ModelConfig> {
  readonly config: C
  readonly preprocessing: Preprocessing
  /** The names of the classes, in the order of the logits, or null if the files have none. */
  readonly labels: readonly string[] | null
  /** The way in which the model's library resizes position embeddings. */
  readonly positionMethod: PositionMethod
  /** The meaning of the outputs. Absent or null if the files do not tell it. */
  readonly problemType?: ProblemType | null | undefined
  /** Notes for users of the model about parts that were left out or assumed, a line each. */
  readonly notes?: readonly string[]
}

/** A model whose weights have no `config.json`. */
export interface WeightsModel<C extends ModelConfig = ModelConfig> extends ModelDescription<C> {
  readonly sources: WeightSources
}

/** Facts that weights without a `config.json` may leave open. */
export interface ModelHints {
  /**
   * The model's name in timm, such as "deit3_small_patch16_224". It decides between models with the same tensor names.
   */
  readonly architecture?: string | undefined
  /** The number of attention heads. */
  readonly heads?: number | undefined
  readonly activation?: Activation | undefined
  /** ε of the LayerNorms. */
  readonly layerNormEpsilon?: number | undefined
  /** The input of the head, in a model with a class token. */
  readonly pool?: "token" | "average" | "map" | undefined
  /** The number of groups of a ResNet's group norms. */
  readonly groups?: number | undefined
  /** The mean and standard deviation of images, if the preprocessing in the files does not fit the model. */
  readonly mean?: readonly number[] | undefined
  readonly std?: readonly number[] | undefined
  /**
   * Height and width in pixels, if the preprocessing in the files has another size than the model, or if the patches form
   * no square or have no positions.
   */
  readonly imageSize?: readonly [height: number, width: number] | undefined
}

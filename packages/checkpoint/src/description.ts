import type { Activation } from "@vitrine/core"
import type { ModelConfig } from "./model-config.ts"
import type { PositionMethod } from "./positions.ts"
import type { ProblemType } from "./problem-type.ts"
import type { Preprocessing } from "./preprocessing.ts"
import type { WeightSources } from "./weights.ts"

/** What the files of a model say of it. */
export interface ModelDescription<C extends ModelConfig = ModelConfig> {
  readonly config: C
  readonly preprocessing: Preprocessing
  /** Names of the classes, in the order of the logits; null where the files do not name them. */
  readonly labels: readonly string[] | null
  /** How the library that the model comes from resizes position embeddings. */
  readonly positionMethod: PositionMethod
  /** What the outputs are, where the files say it. */
  readonly problemType?: ProblemType | null | undefined
  /** What a user of the model should know: what was left out or assumed, a line each. */
  readonly notes?: readonly string[]
}

/** A model of weights without a `config.json`. */
export interface WeightsModel<C extends ModelConfig = ModelConfig> extends ModelDescription<C> {
  readonly sources: WeightSources
}

/** What weights without a `config.json` may not tell of their model. */
export interface ModelHints {
  /** The model's name in timm, such as "deit3_small_patch16_224": its computation, where names of tensors can be several models'. */
  readonly architecture?: string | undefined
  /** Attention heads. */
  readonly heads?: number | undefined
  readonly activation?: Activation | undefined
  /** ε of the LayerNorms. */
  readonly layerNormEpsilon?: number | undefined
  /** What the head reads, in a model that has a class token. */
  readonly pool?: "token" | "average" | "map" | undefined
  /** Groups of the group norms of a ResNet. */
  readonly groups?: number | undefined
  /** Of the images' values, where the files' preprocessing does not fit their model. */
  readonly mean?: readonly number[] | undefined
  readonly std?: readonly number[] | undefined
  /** Height and width in pixels, where the files' preprocessing has another size than their model, or where the patches do not lie in a square or have no positions. */
  readonly imageSize?: readonly [height: number, width: number] | undefined
}

/** The words of a step of the guide. `*…*` is emphasis. */
export interface StepTexts {
  readonly title: string
  readonly text: readonly string[]
}

export type StepId =
  | "data"
  | "image"
  | "label"
  | "patches"
  | "flatten"
  | "embed"
  | "embedAll"
  | "classToken"
  | "positions"
  | "input"
  | "qkv"
  | "scores"
  | "softmax"
  | "row"
  | "rows"
  | "heads"
  | "project"
  | "residual"
  | "norm"
  | "mlp"
  | "residual2"
  | "repeat"
  | "readout"
  | "predict"
  | "loss"
  | "scale"
  | "normOrder"
  | "convolution"
  | "resolution"
  | "family"
  | "hybrid"
  | "pretraining"
  | "compute"

export type PartId = "input" | "attention" | "block" | "output" | "further"

/** A part of a Vision Transformer. */
export type StationId = "image" | "patches" | "tokens" | "attention" | "mlp" | "class"

export interface OverviewTexts extends Readonly<Record<StationId, string>> {
  readonly label: string
  /** How often the block is repeated. */
  readonly times: (depth: number) => string
}

/** What stands after the last step. */
export interface EndTexts {
  readonly title: string
  readonly train: string
  readonly paper: string
  readonly sources: string
  /** The button that keeps the whole site, with its size in megabytes. */
  readonly keep: (megabytes: number) => string
  readonly keepNote: string
  readonly fetching: string
  readonly kept: string
  readonly failed: string
}

/** The short way through the guide. */
export interface TourTexts {
  /** Why it matters, and how long it takes. */
  readonly why: string
  readonly time: string
  readonly start: string
  readonly back: string
  readonly next: string
  readonly end: string
  /** What happens in each part. */
  readonly words: Readonly<Record<StationId, string>>
}

/** Ways from a step. */
export interface WayTexts {
  readonly previous: string
  readonly next: string
  readonly link: string
  readonly short: string
  readonly copied: string
}

export interface GuideTexts {
  readonly tour: TourTexts
  readonly ways: WayTexts
  readonly end: EndTexts
  readonly overview: OverviewTexts
  readonly title: string
  readonly lead: string
  readonly contents: string
  readonly parts: Readonly<Record<PartId, string>>
  readonly steps: Readonly<Record<StepId, StepTexts>>
  /** The classes of the built-in drawings. */
  readonly classes: readonly string[]
  readonly labels: Readonly<Record<LabelId, string>>
  /** A model of the paper with its epochs of training. */
  readonly epochs: (model: string, epochs: number) => string
  /** A table of the paper. */
  readonly table: (n: number) => string
  readonly dropout: (rate: number) => string
  readonly greatest: (difference: string) => string
  readonly privacy: string
  readonly license: string
  /** What the model of photographs says of the reader's picture. */
  readonly second: {
    readonly says: string
    readonly none: string
    /** The side at which it sees a picture, and its classes where they are few. */
    readonly sees: (side: number, classes: string | null) => string
  }
  /** The classes of the model of photographs, by their names in its files. */
  readonly photoClasses: Readonly<Record<string, string>>
}

export type LabelId =
  | "pick"
  | "drop"
  | "another"
  | "image"
  | "yourImage"
  | "unknown"
  | "isA"
  | "hideLabel"
  | "showLabel"
  | "oneHot"
  | "chosenPatch"
  | "flattened"
  | "allFlattened"
  | "filters"
  | "filter"
  | "embedding"
  | "embeddings"
  | "bias"
  | "tokensBefore"
  | "positions"
  | "similarity"
  | "similarityTo"
  | "inputTokens"
  | "normed"
  | "query"
  | "key"
  | "value"
  | "scores"
  | "weights"
  | "oneRow"
  | "rowSum"
  | "weighted"
  | "context"
  | "attendedBy"
  | "weight"
  | "sideBySide"
  | "projected"
  | "before"
  | "after"
  | "added"
  | "block"
  | "head"
  | "mean"
  | "variance"
  | "standardized"
  | "gamma"
  | "beta"
  | "hiddenBefore"
  | "hidden"
  | "mlpOutput"
  | "geluCurve"
  | "units"
  | "training"
  | "inference"
  | "newMask"
  | "dropped"
  | "sharedScale"
  | "ownShare"
  | "ownShareNote"
  | "learned"
  | "onClassToken"
  | "lens"
  | "lensNote"
  | "beforeBlocks"
  | "afterBlock"
  | "finalToken"
  | "headWeights"
  | "logits"
  | "probabilities"
  | "prediction"
  | "chooseTruth"
  | "loss"
  | "rate"
  | "takeStep"
  | "takeTen"
  | "forget"
  | "restore"
  | "stepsTaken"
  | "fell"
  | "gradientNorms"
  | "gradientPixels"
  | "gradientNorm"
  | "divisor"
  | "entropy"
  | "depth"
  | "pre"
  | "post"
  | "convolved"
  | "grid"
  | "parameters"
  | "flops"
  | "width"
  | "layers"
  | "headsCount"
  | "tokensCount"
  | "model"
  | "hybrid"
  | "feature"
  | "featuresAfter"
  | "firstConvolution"
  | "residualBlock"
  | "dataset"
  | "accuracy"
  | "exaflops"
  | "source"

import type { Activation, PreLogitsActivation } from "../nn/activations.ts"
import type { norms } from "../nn/layers.ts"
import type { channelPairs } from "../nn/rotary.ts"

/**
 * The features that the head of a Vision Transformer can read:
 * - `token`: the class token;
 * - `average`: the average over the patches;
 * - `map`: the attention of one learned query to the patches ("Scaling Vision Transformers", Zhai et al., 2022;
 *   SigLIP);
 * - `token+average`: the class token and the average side by side (DINOv2's linear head in transformers).
 */
export const pools = ["token", "average", "map", "token+average"] as const

/** Position embeddings without options: a learned table, big_vision's fixed 2-D sine-cosine table, or none. */
export const positionKinds = ["learned", "sincos2d", "none"] as const

/**
 * The layers of a block:
 * - `sequential`: an attention, then an MLP, as in the paper;
 * - `paired`: two attentions side by side, then two MLPs side by side ("Three things everyone should know about Vision
 *   Transformers", Touvron et al., 2022);
 * - `joint`: an attention and an MLP side by side, with one norm and one projection of their input ("Scaling Vision
 *   Transformers to 22 Billion Parameters", Dehghani et al., 2023).
 */
export const blockKinds = ["sequential", "paired", "joint"] as const

/** The order of a patch's coordinates: row and column (`ij`), or column and row (`xy`). */
export const rotaryAxes = ["ij", "xy"] as const

/**
 * Rotary frequencies follow from a temperature (`fixed`), or are learned for each block and head (`learned`,
 * RoPE-Mixed).
 */
export const rotaryFrequencies = ["fixed", "learned"] as const

/**
 * Rotary positions: queries and keys of patches are rotated by angles that grow with the patch's coordinates ("Rotary
 * Position Embedding for Vision Transformer", Heo et al., 2024). With fixed frequencies, the first coordinate rotates
 * half of the channels, and the second rotates the other half. With learned frequencies, both coordinates rotate all
 * channels. Another image size gives other coordinates.
 */
export interface RotaryPositions {
  readonly kind: "rotary"
  readonly pairs: (typeof channelPairs)[number]
  readonly axes: (typeof rotaryAxes)[number]
  /**
   * True: coordinates are those of the patches' centres, from -1 to 1 over the image, and frequencies count turns
   * (DINOv3). False: coordinates count patches from 0, and frequencies are in radians.
   */
  readonly centres: boolean
  /** The shift of the coordinates, in patches. It is 1 in most Perception Encoder models. */
  readonly offset: number
  /** The grid to which coordinates are scaled (EVA-02), or null. */
  readonly reference: readonly [rows: number, columns: number] | null
  readonly frequencies: (typeof rotaryFrequencies)[number]
  /** Frequency i of n is temperature^(-i / n). Learned frequencies start with these magnitudes. */
  readonly temperature: number
  /** Whether a learned table of positions is also added to the tokens. */
  readonly table: boolean
}

/** The rotary positions of RoPE-Axial (Heo et al., 2024), for models that are trained from scratch. */
export const axialPositions: RotaryPositions = {
  kind: "rotary",
  pairs: "neighbours",
  axes: "xy",
  centres: false,
  offset: 0,
  reference: null,
  frequencies: "fixed",
  temperature: 100,
  table: false,
}

/**
 * The code that defines ε in a hybrid's ResNet. Google's code divides kernels by √variance + 1e-5 and has 1e-6 in its
 * norms. timm divides kernels by √(variance + 1e-8) and has 1e-5 in its norms.
 */
export const stemNumerics = ["google", "timm"] as const

/**
 * The first convolution of a hybrid's ResNet: 7×7 with stride 2, as in the paper, or 3×3 with stride 1, which keeps the
 * details of small images.
 */
export const stemRoots = ["7x7", "3x3"] as const

/**
 * The first layers of a ResNet before the patches, as in the paper's hybrids. They are a convolution and a max pool
 * with stride 2, followed by stages of bottlenecks. Every stage after the first has stride 2.
 */
export interface StemConfig {
  /** The first convolution. The default is "7x7". */
  readonly root?: (typeof stemRoots)[number]
  /** The number W of channels after the first convolution. Stage i, from 0, outputs 4 W 2^i channels. */
  readonly width: number
  /** The number of blocks of each stage. An empty list means that there is only the first convolution. */
  readonly depths: readonly number[]
  /** The number of groups of every group norm. */
  readonly groups: number
  readonly numerics: (typeof stemNumerics)[number]
}

/**
 * The configuration of a Vision Transformer. It covers the paper's models (Dosovitskiy et al., 2021, table 1), and the
 * later ones that timm's `VisionTransformer` builds.
 */
export interface ViTConfig {
  /** The family of models of this configuration. */
  readonly family: "vit"
  /** Height and width of the input in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  /**
   * Height and width of a patch, in pixels or in places of the stem's features. They divide the height and width of the
   * image or features.
   */
  readonly patchSize: readonly [height: number, width: number]
  /** The ResNet of a hybrid, or null. A hybrid cuts patches from the ResNet's features, not from the image. */
  readonly stem: StemConfig | null
  /** Colour channels of the input. */
  readonly channels: number
  /** The width D of the tokens. */
  readonly dim: number
  readonly blockKind: (typeof blockKinds)[number]
  /** The number L of blocks. */
  readonly depth: number
  /** The number of heads of the self-attention. It divides `dim`. */
  readonly heads: number
  /** The width of the hidden layer of each MLP. It is the input width of the second matrix. */
  readonly mlpDim: number
  /**
   * Whether the hidden layer of each MLP is the product of two layers, of which one is activated (Shazeer, 2020). With
   * "silu" this is the SwiGLU of DINOv2's giant model. `fc1` contains both layers, the activated one first.
   */
  readonly gatedMlp: boolean
  /** The number of logits. A model with 0 has no head and outputs the pooled features. */
  readonly classes: number
  /** Whether a learned class token stands before the patches. */
  readonly classToken: boolean
  /**
   * Whether a second token follows the class token. It has its own head, which learns a teacher's labels (DeiT, Touvron
   * et al., 2021).
   */
  readonly distillationToken: boolean
  /**
   * The number of learned tokens between the class and distillation tokens and the patches. The head does not read them
   * ("Vision Transformers Need Registers", Darcet et al., 2024).
   */
  readonly registers: number
  readonly pool: (typeof pools)[number]
  /** Whether averages and learned queries also include the tokens before the patches. */
  readonly poolPrefix: boolean
  /**
   * The number of heads of the pool with a learned query, and the width of its MLP's hidden layer. Null means the same
   * as in the blocks.
   */
  readonly mapPool: { readonly heads: number; readonly mlpDim: number } | null
  /** Whether there is a LayerNorm after the blocks. */
  readonly finalNorm: boolean
  /**
   * Whether the final LayerNorm comes after the pooling (timm's `fc_norm`, true) or before it (`norm`, false, as in the
   * paper).
   */
  readonly normAfterPool: boolean
  readonly positions: (typeof positionKinds)[number] | RotaryPositions
  /**
   * Whether the tokens before the patches have positions, as in the paper. In DeiT III these tokens are prepended after
   * positions are added.
   */
  readonly prefixPositions: boolean
  /** The kind of all norms of tokens. */
  readonly norm: keyof typeof norms
  /** Whether embedded patches are normed before positions are added (AIMv2, Fini et al., 2024). */
  readonly patchNorm: boolean
  /**
   * Whether the norms of a block stand behind its layers, within the branches (Swin Transformer V2, Liu et al., 2022).
   */
  readonly postNorm: boolean
  /** Whether a norm stands before the blocks. Then the patches have no bias (CLIP, Radford et al., 2021). */
  readonly embeddingNorm: boolean
  /** Whether the projections to queries, keys and values have biases. */
  readonly qkvBias: boolean
  /** Whether the projection to keys has a bias if the other two have. It has none in EVA and DINOv3. */
  readonly keyBias: boolean
  /** Whether queries, keys and values have separate matrices, as in larger EVA-02 models. */
  readonly splitQkv: boolean
  /** Whether the two layers of a gated MLP have separate matrices: `fc1_g`, which is activated, and `fc1_x`. */
  readonly splitGate: boolean
  /** Whether the output of all heads is normed before its projection (EVA-02's CLIP). */
  readonly attentionNorm: boolean
  /** Whether the hidden layer of each MLP is normed (NormFormer, Shleifer et al., 2021; EVA-02). */
  readonly mlpNorm: boolean
  /** Whether the projection out of the attention and the layers of the MLPs have biases. */
  readonly projBias: boolean
  /**
   * Whether queries and keys are normed within each head ("Scaling Vision Transformers to 22 Billion Parameters",
   * Dehghani et al., 2023).
   */
  readonly qkNorm: boolean
  /**
   * The starting value of the factors that scale each channel of each branch (LayerScale, Touvron et al., 2021), or
   * null.
   */
  readonly layerScale: number | null
  readonly activation: Activation
  /** A hidden layer before the logits, or null for a linear head. */
  readonly preLogits: { readonly dim: number; readonly activation: PreLogitsActivation } | null
  /** Dropout after the embeddings, in the MLPs and after each projection. */
  readonly dropout: number
  /** Dropout on the attention weights. */
  readonly attentionDropout: number
  /** The rate of stochastic depth at the last block. It grows linearly from 0 at the first block. */
  readonly stochasticDepth: number
  readonly layerNormEpsilon: number
}

/** The boolean fields of a ViTConfig. */
export const vitFlags = [
  "gatedMlp",
  "classToken",
  "distillationToken",
  "poolPrefix",
  "finalNorm",
  "normAfterPool",
  "prefixPositions",
  "patchNorm",
  "postNorm",
  "embeddingNorm",
  "qkvBias",
  "keyBias",
  "splitQkv",
  "splitGate",
  "attentionNorm",
  "mlpNorm",
  "projBias",
  "qkNorm",
] as const

/** The least and the greatest value of each count. The bounds refuse mistakes and attacks. */
export const vitRanges = {
  imageSize: [1, 16384],
  patchSize: [1, 16384],
  channels: [1, 1024],
  dim: [1, 65536],
  depth: [1, 1024],
  heads: [1, 1024],
  mlpDim: [1, 1048576],
  registers: [0, 1024],
  classes: [0, 4194304],
} as const

/** The bounds of a stem's counts. `depths` holds for each stage. */
export const stemRanges = { width: [1, 65536], groups: [1, 65536], depths: [1, 1024], stages: [0, 8] } as const

import type { Activation, PreLogitsActivation } from "../nn/activations.ts"
import type { channelPairs } from "../nn/rotary.ts"

/**
 * What the head of a Vision Transformer may read:
 * - `token`: the class token;
 * - `average`: the average over the patches;
 * - `map`: attention of one learned query to the patches ("Scaling Vision Transformers", Zhai et al., 2022; SigLIP);
 * - `token+average`: the class token and the average side by side (DINOv2's linear head in transformers).
 */
export const pools = ["token", "average", "map", "token+average"] as const

/** Position embeddings that are a word: a learned table, big_vision's fixed 2-D sine-cosine table, or none. */
export const positionKinds = ["learned", "sincos2d", "none"] as const

/** The order of a patch's coordinates: row and column, or column and row. */
export const rotaryAxes = ["ij", "xy"] as const

/** Whether the frequencies of rotary positions follow from a temperature, or are learned for each block and head (RoPE-Mixed). */
export const rotaryFrequencies = ["fixed", "learned"] as const

/**
 * Rotary positions: queries and keys of patches turn by angles that grow with the patch's coordinates ("Rotary Position
 * Embedding for Vision Transformer", Heo et al., 2024). Fixed frequencies turn one half of the channels by the first coordinate
 * and the other half by the second; learned ones turn each by both. Another image size gets other coordinates.
 */
export interface RotaryPositions {
  readonly kind: "rotary"
  readonly pairs: (typeof channelPairs)[number]
  readonly axes: (typeof rotaryAxes)[number]
  /**
   * Whether coordinates are those of the patches' centres, from -1 to 1 over the image, with frequencies in turns (DINOv3).
   * Otherwise they count patches from 0, with frequencies in radians.
   */
  readonly centres: boolean
  /** Patches by which coordinates are shifted; 1 in most of the Perception Encoder's models. */
  readonly offset: number
  /** The grid to which coordinates are scaled (EVA-02); null for none. */
  readonly reference: readonly [rows: number, columns: number] | null
  readonly frequencies: (typeof rotaryFrequencies)[number]
  /** Frequency i of n is temperature^(-i / n). Learned ones start so. */
  readonly temperature: number
  /** Whether a learned table is added to the tokens as well. */
  readonly table: boolean
}

/**
 * The code whose ε a hybrid's ResNet uses. Google's divides kernels by √variance + 1e-5, and its norms have 1e-6. timm's
 * divides kernels by √(variance + 1e-8), and its norms have 1e-5.
 */
export const stemNumerics = ["google", "timm"] as const

/**
 * The first layers of a ResNet before the patches, as in the paper's hybrids: a 7×7 convolution and a max pool with stride 2
 * each, then stages of bottlenecks. Every stage but the first has stride 2.
 */
export interface StemConfig {
  /** Channels W after the first convolution; stage i, from 0, gives 4 W 2^i. */
  readonly width: number
  /** Blocks of each stage; none for the first convolution alone. */
  readonly depths: readonly number[]
  /** Groups of every group norm. */
  readonly groups: number
  readonly numerics: (typeof stemNumerics)[number]
}

/**
 * The configuration of a Vision Transformer. It has the choices of the paper (Dosovitskiy et al., 2021, table 1), and of the
 * later models that timm's `VisionTransformer` builds.
 */
export interface ViTConfig {
  /** The family of models that the configuration belongs to. */
  readonly family: "vit"
  /** Height and width of the input in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  /** Height and width of a patch, in pixels or in places of the stem's features. They divide the size of these. */
  readonly patchSize: readonly [height: number, width: number]
  /** The ResNet of a hybrid, whose features are cut into patches in place of the image; null without one. */
  readonly stem: StemConfig | null
  /** Colour channels of the input. */
  readonly channels: number
  /** Width D of the tokens. */
  readonly dim: number
  /** Number L of blocks. */
  readonly depth: number
  /** Heads of the self-attention; they divide `dim`. */
  readonly heads: number
  /** Width of the hidden layer of each MLP, which its second matrix reads. */
  readonly mlpDim: number
  /**
   * Whether each MLP's hidden layer is a product of two layers, one of them activated (Shazeer, 2020). With "silu" it is the
   * SwiGLU of DINOv2's giant. `fc1` holds both layers, the activated one first.
   */
  readonly gatedMlp: boolean
  /** Outputs of the head. A model with 0 has no head and gives the pooled features. */
  readonly classes: number
  /** Whether a learned class token stands before the patches. */
  readonly classToken: boolean
  /** Whether a second token follows the class token, with another head, for a teacher's labels (DeiT, Touvron et al., 2021). */
  readonly distillationToken: boolean
  /** Learned tokens between those and the patches, which the head does not read ("Vision Transformers Need Registers", Darcet et al., 2024). */
  readonly registers: number
  readonly pool: (typeof pools)[number]
  /** Whether averages and learned queries also read the tokens before the patches. */
  readonly poolPrefix: boolean
  /** Heads of the pool by a learned query, and the width of its MLP's hidden layer; null for those of the blocks. */
  readonly mapPool: { readonly heads: number; readonly mlpDim: number } | null
  /** Whether there is a LayerNorm after the blocks. */
  readonly finalNorm: boolean
  /** Whether the final LayerNorm comes after the pooling (timm's `fc_norm`) or before it (`norm`, as in the paper). */
  readonly normAfterPool: boolean
  readonly positions: (typeof positionKinds)[number] | RotaryPositions
  /** Whether the tokens before the patches have positions, as in the paper. In DeiT III they are prepended after positions are added. */
  readonly prefixPositions: boolean
  /** Whether a LayerNorm comes before the blocks, in place of the patches' bias (CLIP, Radford et al., 2021). */
  readonly embeddingNorm: boolean
  /** Whether the projections to queries, keys and values have biases. */
  readonly qkvBias: boolean
  /** Whether the projection to keys has a bias where the others have. In EVA and DINOv3 it has none. */
  readonly keyBias: boolean
  /** Whether queries, keys and values have a matrix each, as in larger models of EVA-02. */
  readonly splitQkv: boolean
  /** Whether the two layers of a gated MLP have a matrix each: `fc1_g`, which is activated, and `fc1_x`. */
  readonly splitGate: boolean
  /** Whether the output of all heads is normed before its projection (EVA-02's CLIP). */
  readonly attentionNorm: boolean
  /** Whether the hidden layer of each MLP is normed (NormFormer, Shleifer et al., 2021; EVA-02). */
  readonly mlpNorm: boolean
  /** Whether the projection out of the attention and the layers of the MLPs have biases. */
  readonly projBias: boolean
  /** Whether queries and keys are normed, head by head ("Scaling Vision Transformers to 22 Billion Parameters", Dehghani et al., 2023). */
  readonly qkNorm: boolean
  /** The start of the factors that scale each branch, channel by channel (LayerScale, Touvron et al., 2021); null without them. */
  readonly layerScale: number | null
  readonly activation: Activation
  /** A hidden layer before the logits; null for a linear head. */
  readonly preLogits: { readonly dim: number; readonly activation: PreLogitsActivation } | null
  /** Dropout after the embeddings, in the MLPs and after each projection. */
  readonly dropout: number
  /** Dropout on the attention weights. */
  readonly attentionDropout: number
  /** Rate of stochastic depth at the last block, growing linearly from 0 at the first. */
  readonly stochasticDepth: number
  readonly layerNormEpsilon: number
}

/** The fields of a ViTConfig that are true or false. */
export const vitFlags = [
  "gatedMlp",
  "classToken",
  "distillationToken",
  "poolPrefix",
  "finalNorm",
  "normAfterPool",
  "prefixPositions",
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

/** The least and the greatest value of each count. Greater ones are a mistake or an attack. */
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

/** The same for a stem; `depths` is for each stage. */
export const stemRanges = { width: [1, 65536], groups: [1, 65536], depths: [1, 1024], stages: [0, 8] } as const

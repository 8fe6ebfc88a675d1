import { VitrineError } from "@vitrine/core"

/** The activations that `torch.nn.Transformer` has. */
export const transformerActivations = ["relu", "gelu"] as const

export type TransformerActivation = (typeof transformerActivations)[number]

export function isTransformerActivation(name: unknown): name is TransformerActivation {
  return transformerActivations.some((each) => each === name)
}

/** The Transformer of "Attention is all you need" (Vaswani et al., 2017), as `torch.nn.Transformer` has it. */
export interface TransformerConfig {
  /** Width of the tokens, d_model. */
  readonly dim: number
  readonly heads: number
  readonly encoderDepth: number
  readonly decoderDepth: number
  /** Hidden width of the feed-forward networks, d_ff. */
  readonly mlpDim: number
  readonly activation: TransformerActivation
  /** Whether each branch is normed where it begins (pre-norm) and not where it has been added (post-norm, the paper's). */
  readonly normFirst: boolean
  /** Whether there is a norm after the last layer of the encoder, and one after that of the decoder. */
  readonly finalNorms: boolean
  /** Whether linear layers and norms have biases. */
  readonly bias: boolean
  /** Of embeddings, attention weights, hidden values and what each branch gives. */
  readonly dropout: number
  readonly layerNormEpsilon: number
}

/** Tokens of a vocabulary, at most `length` of them. */
export interface TokenSourceConfig {
  readonly kind: "tokens"
  readonly vocabulary: number
  readonly length: number
  /** Whether source and target have one table of embeddings, as in the paper. */
  readonly shared: boolean
}

/** An image in patches, row by row; those as high as the image are strips of columns. */
export interface ImageSourceConfig {
  readonly kind: "image"
  readonly imageSize: readonly [height: number, width: number]
  readonly patchSize: readonly [height: number, width: number]
  readonly channels: number
}

/** A Transformer with what stands around it: from a source to tokens of a vocabulary. */
export interface Seq2SeqConfig extends TransformerConfig {
  readonly source: TokenSourceConfig | ImageSourceConfig
  /** Tokens of the target, `begin` and `end` among them. */
  readonly vocabulary: number
  /** The token that every target begins with, and that is never learned. */
  readonly begin: number
  /** The token that ends a target. */
  readonly end: number
  /** The most tokens of a target, `end` included. */
  readonly length: number
  /** Whether the matrix before the softmax is the target's table of embeddings, as in the paper. */
  readonly tied: boolean
}

/**
 * A checked configuration; what is left out is the paper's base model, with torch's final norms.
 * @throws VitrineError (config) for a model that cannot exist.
 */
export function transformerConfig(fields: Partial<TransformerConfig> = {}): TransformerConfig {
  const config: TransformerConfig = {
    dim: 512,
    heads: 8,
    encoderDepth: 6,
    decoderDepth: 6,
    mlpDim: 2048,
    activation: "relu",
    normFirst: false,
    finalNorms: true,
    bias: true,
    dropout: 0.1,
    layerNormEpsilon: 1e-5,
    ...fields,
  }
  count("dim", config.dim, 1, limits.width)
  count("heads", config.heads, 1, limits.width)
  count("mlpDim", config.mlpDim, 1, limits.width)
  count("encoderDepth", config.encoderDepth, 1, limits.depth)
  count("decoderDepth", config.decoderDepth, 1, limits.depth)
  if (config.dim % config.heads !== 0) fail(`heads must divide dim, but ${config.heads} do not divide ${config.dim}`)
  if (!isTransformerActivation(config.activation))
    fail(`activation must be ${transformerActivations.join(" or ")}, got ${told(config.activation)}`)
  for (const field of ["normFirst", "finalNorms", "bias"] as const) flag(field, config[field])
  if (!(config.dropout >= 0 && config.dropout < 1)) fail(`dropout must be in [0, 1), got ${told(config.dropout)}`)
  const { layerNormEpsilon } = config
  if (!(layerNormEpsilon > 0 && layerNormEpsilon < 1))
    fail(`layerNormEpsilon must be in (0, 1), got ${told(layerNormEpsilon)}`)
  return config
}

type Given = Partial<Seq2SeqConfig> & Pick<Seq2SeqConfig, "source" | "vocabulary" | "begin" | "end" | "length">

/**
 * A checked configuration; what is left out is as in `transformerConfig`, and the output is tied to the embeddings.
 * @throws VitrineError (config) for a model that cannot exist.
 */
export function seq2seqConfig(fields: Given): Seq2SeqConfig {
  const config: Seq2SeqConfig = { ...transformerConfig(fields), tied: true, ...fields }
  const { source, vocabulary, begin, end, length } = config
  count("vocabulary", vocabulary, 2, limits.vocabulary)
  count("length", length, 1, limits.length)
  count("begin", begin, 0, vocabulary - 1)
  count("end", end, 0, vocabulary - 1)
  if (begin === end) fail(`begin and end must be two tokens, both are ${begin}`)
  flag("tied", config.tied)
  if (typeof source !== "object" || source === null)
    return fail(`source must be tokens or an image, got ${told(source)}`)
  switch (source.kind) {
    case "tokens":
      count("source.vocabulary", source.vocabulary, 1, limits.vocabulary)
      count("source.length", source.length, 1, limits.length)
      flag("source.shared", source.shared)
      if (source.shared && source.vocabulary !== vocabulary)
        fail(`shared embeddings need one vocabulary, but source has ${source.vocabulary} tokens, target ${vocabulary}`)
      return config
    case "image":
      checkImage(source)
      return config
    default:
      return fail(`source.kind must be tokens or image, got ${told((source as { kind: unknown }).kind)}`)
  }
}

/** Tokens that the encoder sees. */
export function sourceLength({ source }: Pick<Seq2SeqConfig, "source">): number {
  if (source.kind === "tokens") return source.length
  const { imageSize, patchSize } = source
  return (imageSize[0] / patchSize[0]) * (imageSize[1] / patchSize[1])
}

/** Largest counts that are taken for a model and not for a mistake or an attack. */
const limits = { width: 1 << 16, depth: 1024, vocabulary: 1 << 22, length: 1 << 16, imageSize: 1 << 15, channels: 1024 }

function checkImage({ imageSize, patchSize, channels }: ImageSourceConfig): void {
  count("source.channels", channels, 1, limits.channels)
  for (const [field, pair] of Object.entries({ imageSize, patchSize })) {
    if (!Array.isArray(pair) || pair.length !== 2) fail(`source.${field} must be [height, width], got ${told(pair)}`)
    for (const side of pair) count(`source.${field}`, side, 1, limits.imageSize)
  }
  if (imageSize.some((side, i) => side % (patchSize[i] as number) !== 0))
    fail(`patches of ${patchSize.join("×")} do not fill an image of ${imageSize.join("×")}`)
}

function count(field: string, value: unknown, least: number, most: number): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
    fail(`${field} must be an integer from ${least} to ${most}, got ${told(value)}`)
}

function flag(field: string, value: unknown): void {
  if (typeof value !== "boolean") fail(`${field} must be true or false, got ${told(value)}`)
}

function fail(message: string): never {
  throw new VitrineError("config", message)
}

/** A value as a message shows it: text in quotes, and NaN as NaN. */
const told = (value: unknown): string => (typeof value === "number" ? String(value) : JSON.stringify(value))

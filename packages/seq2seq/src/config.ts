import { checkFields, type Field, hasRow, showValue, VitrineError } from "@vitrine/core"

/** The activations of `torch.nn.Transformer`. */
export const transformerActivations = ["relu", "gelu"] as const

/** The names of the activations that torch's Transformer has. */
export type TransformerActivation = (typeof transformerActivations)[number]

/** Whether a name is an activation of torch's Transformer. */
export function isTransformerActivation(name: unknown): name is TransformerActivation {
  return transformerActivations.some((activation) => activation === name)
}

/** The Transformer of "Attention is all you need" (Vaswani et al., 2017), in the form of `torch.nn.Transformer`. */
export interface TransformerConfig {
  /** Width of the tokens, d_model. */
  readonly dim: number
  readonly heads: number
  readonly encoderDepth: number
  readonly decoderDepth: number
  /** Hidden width of the feed-forward networks, d_ff. */
  readonly mlpDim: number
  readonly activation: TransformerActivation
  /** Whether norms stand before each branch (pre-norm, true) or after each sum (post-norm, false, as in the paper). */
  readonly normFirst: boolean
  /** Whether the encoder and the decoder each end with a norm. */
  readonly finalNorms: boolean
  /** Whether linear layers and norms have biases. */
  readonly bias: boolean
  /** The rate of dropout on embeddings, attention weights, hidden values and outputs of branches. */
  readonly dropout: number
  readonly layerNormEpsilon: number
}

const integer = (from: number, to: number): Field => ({ kind: "number", integer: true, from, to })
const flag: Field = { kind: "boolean" }

/** The largest counts. They refuse mistakes and attacks. */
const most = { width: 1 << 16, depth: 1024, vocabulary: 1 << 22, length: 1 << 16, imageSize: 1 << 15, channels: 1024 }

/** The kind and bounds of each field of a Transformer. */
export const transformerFields: Readonly<Record<keyof TransformerConfig, Field>> = {
  dim: integer(1, most.width),
  heads: integer(1, most.width),
  encoderDepth: integer(1, most.depth),
  decoderDepth: integer(1, most.depth),
  mlpDim: integer(1, most.width),
  activation: { kind: "choice", of: transformerActivations },
  normFirst: flag,
  finalNorms: flag,
  bias: flag,
  dropout: { kind: "number", from: 0, below: 1 },
  layerNormEpsilon: { kind: "number", above: 0, below: 1 },
}

/** A source of tokens of a vocabulary, at most `length` of them. */
export interface TokenSourceConfig {
  readonly kind: "tokens"
  readonly vocabulary: number
  readonly length: number
  /** Whether source and target share one table of embeddings, as in the paper. */
  readonly shared: boolean
}

/**
 * An image as the source. It is divided into patches, which are read row by row. Patches as high as the image are
 * strips of columns.
 */
export interface ImageSourceConfig {
  readonly kind: "image"
  readonly imageSize: readonly [height: number, width: number]
  readonly patchSize: readonly [height: number, width: number]
  readonly channels: number
}

type SourceConfig = TokenSourceConfig | ImageSourceConfig

const sizes: Field = { kind: "tuple", of: [integer(1, most.imageSize), integer(1, most.imageSize)] }

/** The kind and bounds of each field of a source, by its kind. */
export const sourceFields: {
  readonly [K in SourceConfig["kind"]]: Readonly<
    Record<Exclude<keyof Extract<SourceConfig, { readonly kind: K }>, "kind">, Field>
  >
} = {
  tokens: { vocabulary: integer(1, most.vocabulary), length: integer(1, most.length), shared: flag },
  image: { imageSize: sizes, patchSize: sizes, channels: integer(1, most.channels) },
}

/** A whole model: a Transformer with embeddings, which predicts target tokens from a source. */
export interface Seq2SeqConfig extends TransformerConfig {
  readonly source: SourceConfig
  /** The number of target tokens, with `begin` and `end`. */
  readonly vocabulary: number
  /** The token that begins every target. The model never predicts it. */
  readonly begin: number
  /** The token that ends a target. */
  readonly end: number
  /** The greatest number of tokens of a target, with `end`. */
  readonly length: number
  /** Whether the target's table of embeddings is also the matrix before the softmax, as in the paper. */
  readonly tied: boolean
}

/** The kind and bounds of each field of a whole model, except the fields of the Transformer and of the source. */
export const seq2seqFields: Readonly<Record<Exclude<keyof Seq2SeqConfig, keyof TransformerConfig | "source">, Field>> =
  {
    vocabulary: integer(2, most.vocabulary),
    begin: integer(0, most.vocabulary - 1),
    end: integer(0, most.vocabulary - 1),
    length: integer(1, most.length),
    tied: flag,
  }

/**
 * Checks a configuration. The default is the paper's base model with torch's final norms.
 * @throws VitrineError (config) for an impossible configuration
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
  checkFields(transformerFields, config)
  if (config.dim % config.heads !== 0) fail(`heads must divide dim, but ${config.heads} do not divide ${config.dim}`)
  return config
}

type RequiredFields = Pick<Seq2SeqConfig, "source" | "vocabulary" | "begin" | "end" | "length">

/**
 * Checks a configuration. The defaults are those of `transformerConfig`, and an output that is tied to the embeddings.
 * @throws VitrineError (config) for an impossible configuration
 */
export function seq2seqConfig(fields: Partial<Seq2SeqConfig> & RequiredFields): Seq2SeqConfig {
  const config: Seq2SeqConfig = { ...transformerConfig(fields), tied: true, ...fields }
  checkFields(seq2seqFields, config)
  const { source, vocabulary, begin, end } = config
  for (const [name, token] of Object.entries({ begin, end }))
    if (token >= vocabulary) fail(`${name} must be an integer from 0 to ${vocabulary - 1}, got ${token}`)
  if (begin === end) fail(`begin and end must be two tokens, both are ${begin}`)
  const kind: unknown = source?.kind
  if (!hasRow(sourceFields, kind))
    fail(`source.kind must be ${Object.keys(sourceFields).join(" or ")}, got ${showValue(kind)}`)
  checkFields(sourceFields[source.kind], source, "source.")
  if (source.kind === "image") checkPatches(source)
  else if (source.shared && source.vocabulary !== vocabulary)
    fail(`shared embeddings need one vocabulary, but source has ${source.vocabulary} tokens, target ${vocabulary}`)
  return config
}

/** The number of tokens that the encoder reads. */
export function sourceLength({ source }: Pick<Seq2SeqConfig, "source">): number {
  if (source.kind === "tokens") return source.length
  const { imageSize, patchSize } = source
  return (imageSize[0] / patchSize[0]) * (imageSize[1] / patchSize[1])
}

function checkPatches({ imageSize, patchSize }: ImageSourceConfig): void {
  if (imageSize[0] % patchSize[0] !== 0 || imageSize[1] % patchSize[1] !== 0)
    fail(`patches of ${patchSize.join("×")} do not fill an image of ${imageSize.join("×")}`)
}

function fail(message: string): never {
  throw new VitrineError("config", message)
}

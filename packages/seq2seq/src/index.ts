export { type Alphabet, alphabet, charactersOf, graphemes } from "./alphabet.ts"
export {
  type ImageSourceConfig,
  isTransformerActivation,
  type Seq2SeqConfig,
  seq2seqConfig,
  seq2seqFields,
  sourceFields,
  sourceLength,
  type TokenSourceConfig,
  type TransformerConfig,
  type TransformerActivation,
  transformerActivations,
  transformerConfig,
  transformerFields,
} from "./config.ts"
export { checkTokens, type Decoder, createDecoder } from "./decoder.ts"
export { measureTexts, type TextBatch, type TextEvaluation, textObjective } from "./objective.ts"
export { initializeSeq2Seq, seq2seqParameters, sourceInput, transformerParameters } from "./parameters.ts"
export { sinusoidPositions } from "./positions.ts"
export { type Hypothesis, lengthPenalty, type NextToken, beamSearch, type SearchOptions } from "./search.ts"
export { embedTarget, encodeSource, predictAll, seq2seq } from "./seq2seq.ts"
export { decodeStep, type KeysAndValues, memoryKeys, type StepInputs } from "./step.ts"
export { readTorchTransformer, type TorchHints, type TorchTransformer } from "./torch.ts"
export {
  causalMask,
  transformerDecoder,
  type DecoderAttention,
  transformerDecoderWith,
  transformerEncoder,
  transformer,
  type TransformerMasks,
} from "./transformer.ts"

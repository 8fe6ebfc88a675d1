import { encodeModelChunks, mostInline, toFloat16, toOnnx, valueBytes } from "@vitrine/backend-onnx"
import { type Graph, graph, ops, rootScope, VitrineError } from "@vitrine/core"
import { type Alphabet, encodeSource, predictAll, type Seq2SeqConfig, sourceLength } from "@vitrine/seq2seq"
import { nonFinite } from "../../finite.ts"
import type { ExportedFiles, ExportPrecision } from "../../export.ts"
import { imageSource, type LinePreparation } from "./lines.ts"

/** A model that reads, with its weights in memory. */
export interface ReaderToExport {
  readonly preparation: LinePreparation
  readonly alphabet: Alphabet
  readonly values: Readonly<Record<string, Float32Array>>
}

/**
 * A model that reads as a folder of ONNX files. The names are those of Optimum for a vision encoder and a text decoder:
 * - `onnx/encoder_model.onnx`: `pixel_values` `[batch, channels, height, width]` and `encoder_attention_mask`, int32
 *   `[batch, patches]`, 1 for a patch with some of the line → `last_hidden_state` `[batch, patches, dim]`.
 * - `onnx/decoder_model.onnx`: `input_ids`, int32 `[batch, length]`, `encoder_hidden_states` and
 *   `encoder_attention_mask` → `logits` `[batch, length, vocabulary]`. No token attends to later ones, so any tokens
 *   may follow those so far.
 * - `config.json`: the characters, and the tokens that begin and end a text.
 * - `preprocessor_config.json`: the preparation of lines.
 * @throws VitrineError (config) for int8, for weights or a vocabulary that float16 cannot hold, or for more than 2 GiB
 *   of weights
 */
export function readerOnnx(reader: ReaderToExport, precision: ExportPrecision = "float32"): ExportedFiles {
  if (precision === "int8")
    throw new VitrineError("config", "a model that reads is exported in float32 or float16: int8 is for classifiers")
  const { preparation, alphabet, values } = reader
  const { config, mean, std } = preparation
  // The model compares token numbers, and float16 holds integers exactly only up to 2048.
  if (precision === "float16" && config.vocabulary > 2048)
    throw new VitrineError("config", `float16 counts to 2048, but the vocabulary has ${config.vocabulary} tokens`)
  const { imageSize, patchSize, channels } = imageSource(config)
  const suffix = precision === "float16" ? "_fp16" : ""
  const file = (graph: Graph): readonly Uint8Array[] => {
    const plain = toOnnx(graph, { portable: true, constants: values })
    const model = precision === "float16" ? toFloat16(plain) : plain
    if (valueBytes(model) > mostInline)
      throw new VitrineError("config", "weights of more than 2 GiB do not fit into one ONNX file")
    return encodeModelChunks(model)
  }
  const json = {
    "config.json": {
      architecture: "transformer",
      label_names: alphabet.characters,
      vocab_size: config.vocabulary,
      decoder_start_token_id: config.begin,
      eos_token_id: config.end,
      max_length: config.length,
    },
    "preprocessor_config.json": {
      size: { height: imageSize[0], width: imageSize[1] },
      patch_size: patchSize,
      num_channels: channels,
      image_mean: mean,
      image_std: std,
    },
  }
  const jsonFiles = Object.entries(json).map(([name, value]): [string, readonly Uint8Array[]] => [
    name,
    [new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)],
  ])
  return {
    files: new Map([
      ...jsonFiles,
      [`onnx/encoder_model${suffix}.onnx`, file(encoderGraph(config))],
      [`onnx/decoder_model${suffix}.onnx`, file(decoderGraph(config))],
    ]),
    notes: [
      ...nonFinite(values),
      `lines are scaled to a height of ${imageSize[0]}, and stand at the left of ${imageSize[1]} columns; 0 after normalising is padding`,
      `token 0 ends a text, 1 begins it, and 2 is the first of label_names`,
    ],
  }
}

const maskInput = (config: Seq2SeqConfig): ReturnType<typeof ops.input> =>
  ops.input("encoder_attention_mask", ["batch", sourceLength(config)], "int32")

function encoderGraph(config: Seq2SeqConfig): Graph {
  const { imageSize, channels } = imageSource(config)
  const pixels = ops.transpose(ops.input("pixel_values", ["batch", channels, ...imageSize]), [0, 2, 3, 1])
  const hidden = ops.greater(0.5, ops.cast(maskInput(config), "float32"))
  return graph({ outputs: { last_hidden_state: encodeSource(rootScope(), pixels, config, hidden) } })
}

function decoderGraph(config: Seq2SeqConfig): Graph {
  const tokens = ops.input("input_ids", ["batch", config.length], "int32")
  const memory = ops.input("encoder_hidden_states", ["batch", sourceLength(config), config.dim])
  const hidden = ops.greater(0.5, ops.cast(maskInput(config), "float32"))
  return graph({ outputs: { logits: predictAll(rootScope(), memory, tokens, config, hidden) } })
}

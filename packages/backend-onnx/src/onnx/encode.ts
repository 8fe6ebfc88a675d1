import type { FileSlice } from "@vitrine/core"
import {
  type Attribute,
  elementTypes,
  type Initializer,
  isExtended,
  type OnnxBody,
  type OnnxModel,
  type OnnxNode,
  type OnnxValue,
} from "./model.ts"
import { Message } from "./protobuf.ts"

// Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

/** The version of the file format that introduced an operator set. */
const irVersion = (opset: number): number => (opset >= 20 ? 9 : 8)

const attributeType = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const

const byteLength = (chunks: readonly Uint8Array[]): number => chunks.reduce((total, { length }) => total + length, 0)

export function isFileSlice(data: Initializer["data"]): data is FileSlice {
  return "path" in data
}

/** Options of writing an ONNX file. */
export interface EncodeOptions {
  /** Entries of the file's `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * The bytes of an ONNX file. Values in other files stay there. The model refers to these files by name only, so they
 * must all lie in one folder: the model's, or one that is named to the engine.
 */
export function encodeModel(model: OnnxModel, options?: EncodeOptions): Uint8Array<ArrayBuffer> {
  const chunks = encodeModelChunks(model, options)
  const out = new Uint8Array(byteLength(chunks))
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

/**
 * The bytes of an ONNX file in pieces, to be written one after the other. Values are not copied: the pieces include
 * their memory.
 */
export function encodeModelChunks(model: OnnxModel, { metadata = {} }: EncodeOptions = {}): readonly Uint8Array[] {
  const graph = encodeGraph("vitrine", model, model.initializers)
  const message = new Message().int(1, irVersion(model.opset)).add(2, "vitrine").add(7, graph)
  message.add(8, new Message().add(1, "").int(2, model.opset))
  if (model.nodes.some(isExtended)) message.add(8, new Message().add(1, "com.microsoft").int(2, 1))
  for (const [key, value] of Object.entries(metadata)) message.add(14, new Message().add(1, key).add(2, value))
  return message.chunks
}

function encodeGraph(
  name: string,
  { nodes, inputs, outputs }: OnnxBody,
  initializers: readonly Initializer[],
): Message {
  const graph = new Message()
  nodes.forEach((node, i) => void graph.add(1, encodeNode(node, i)))
  graph.add(2, name)
  for (const initializer of initializers) graph.add(5, encodeInitializer(initializer))
  for (const value of inputs) graph.add(11, encodeValue(value))
  for (const value of outputs) graph.add(12, encodeValue(value))
  return graph
}

function encodeNode({ op, domain, inputs, outputs, attributes }: OnnxNode, index: number): Message {
  const message = new Message()
  for (const name of inputs) message.add(1, name)
  for (const name of outputs) message.add(2, name)
  message.add(3, `${op}.${index}`).add(4, op)
  for (const [name, value] of Object.entries(attributes)) message.add(5, encodeAttribute(name, value))
  return domain === "" ? message : message.add(7, domain)
}

function encodeAttribute(name: string, value: Attribute): Message {
  const message = new Message().add(1, name)
  if (typeof value === "number") return message.int(3, value).int(20, attributeType.int)
  if (typeof value === "string") return message.add(4, value).int(20, attributeType.string)
  if ("nodes" in value) return message.add(6, encodeGraph(name, value, [])).int(20, attributeType.graph)
  if ("float" in value) return message.float(2, value.float).int(20, attributeType.float)
  for (const item of value) message.int(8, item)
  return message.int(20, attributeType.ints)
}

function encodeInitializer({ name, shape, dtype, data }: Initializer): Message {
  const message = new Message()
  for (const dim of shape) message.int(1, dim)
  message.int(2, elementTypes[dtype]).add(8, name)
  if (!isFileSlice(data)) return message.add(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  const entries = { location: fileName(data.path), offset: String(data.offset), length: String(data.length) }
  for (const [key, value] of Object.entries(entries)) message.add(13, new Message().add(1, key).add(2, value))
  return message.int(14, 1) // data_location: external
}

export function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1)
}

function encodeValue({ name, shape, dtype }: OnnxValue): Message {
  const dims = new Message()
  for (const dim of shape) dims.add(1, typeof dim === "number" ? new Message().int(1, dim) : new Message().add(2, dim))
  const tensor = new Message().int(1, elementTypes[dtype]).add(2, dims)
  return new Message().add(1, name).add(2, new Message().add(1, tensor))
}

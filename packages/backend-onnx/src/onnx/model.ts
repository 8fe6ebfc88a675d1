import type { DType, FileSlice, Shape } from "@vitrine/core"

/** An attribute of an ONNX node: an integer, a list of integers, a float, a string or a graph that the node runs. */
export type Attribute = number | readonly number[] | { readonly float: number } | string | OnnxBody

/** A graph that a node runs, such as Scan's. Its nodes may also read values of the graph around it. */
export interface OnnxBody {
  readonly nodes: readonly OnnxNode[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
}

/** An operator in an ONNX graph. */
export interface OnnxNode {
  readonly op: string
  /** The empty string for standard operators, or the domain of those that ONNX Runtime adds. */
  readonly domain: "" | "com.microsoft"
  readonly inputs: readonly string[]
  /** The names of the outputs. An output without a reader has an empty name. */
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** The graphs that a node runs. */
function bodiesOf({ attributes }: OnnxNode): readonly OnnxBody[] {
  return Object.values(attributes).filter((value): value is OnnxBody => typeof value === "object" && "nodes" in value)
}

/** A node's inputs, and what the nodes of its bodies read. */
export function readsOf(node: OnnxNode): readonly string[] {
  return [...node.inputs, ...bodiesOf(node).flatMap(({ nodes }) => nodes.flatMap(readsOf))]
}

/** Whether a node, or one of its bodies, needs operators of ONNX Runtime's own. */
export function isExtended(node: OnnxNode): boolean {
  return node.domain !== "" || bodiesOf(node).some(({ nodes }) => nodes.some(isExtended))
}

/** A node with other names for its values, in its bodies too. */
export function renameValues(node: OnnxNode, rename: (name: string) => string): OnnxNode {
  const attributes = Object.entries(node.attributes).map(([name, value]): [string, Attribute] => [
    name,
    typeof value === "object" && "nodes" in value
      ? { ...value, nodes: value.nodes.map((inner) => renameValues(inner, rename)) }
      : value,
  ])
  return {
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
    attributes: Object.fromEntries(attributes),
  }
}

/** ONNX's numbers for element types. */
export const elementTypes = { float32: 1, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const

/** An input or output of an ONNX graph. */
export interface OnnxValue {
  readonly name: string
  /** The shape. Only its first dimension may be an open batch. */
  readonly shape: Shape
  readonly dtype: DType
}

/** A constant of an ONNX graph. */
export interface Initializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType | "int64" | "int8"
  /** Little-endian values (float16 as bits), or the part of a file that holds them. */
  readonly data: Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | FileSlice
}

/** A dropout mask that the host must draw before every run. */
export interface Mask {
  /** The model's input for the mask. */
  readonly name: string
  /** The graph's input with the key. */
  readonly key: string
  readonly path: string
  readonly rate: number
  readonly shape: readonly number[]
  /** Whether the first axis is the batch. */
  readonly perExample: boolean
}

/** An ONNX model as plain data, with the model's names of the graph's inputs, states, outputs and updates. */
export interface OnnxModel {
  /** The version of the standard operators. */
  readonly opset: number
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly Initializer[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly names: {
    readonly inputs: Readonly<Record<string, string>>
    readonly states: Readonly<Record<string, string>>
    readonly outputs: Readonly<Record<string, string>>
    readonly updates: Readonly<Record<string, string>>
  }
  readonly masks: readonly Mask[]
}

import type { DType, FileSlice, Shape } from "@vitrine/core"

/** An attribute of an ONNX node: an integer, a list of integers, a float or a string. */
export type Attribute = number | readonly number[] | { readonly float: number } | string

export interface OnnxNode {
  readonly op: string
  /** The standard operators, or those that ONNX Runtime adds. */
  readonly domain: "" | "com.microsoft"
  readonly inputs: readonly string[]
  /** An empty name for an output that nobody reads. */
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** ONNX's numbers for element types. */
export const elementTypes = { float32: 1, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const

export interface OnnxValue {
  readonly name: string
  /** The first dimension may be the batch, left open. */
  readonly shape: Shape
  readonly dtype: DType
}

export interface Initializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType | "int64" | "int8"
  /** Little-endian values, float16 as its bits, or where they lie in a file. */
  readonly data: Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | FileSlice
}

/** A dropout mask that the host must draw before every run. */
export interface Mask {
  /** The model's input that takes it. */
  readonly name: string
  /** The graph's input that holds the key. */
  readonly key: string
  readonly path: string
  readonly rate: number
  readonly shape: readonly number[]
  /** Whether its first axis is the batch. */
  readonly perExample: boolean
}

/** An ONNX model as plain data, with its names for the graph's inputs, states, outputs and updates. */
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

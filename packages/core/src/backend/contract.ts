import type { Graph } from "../graph/graph.ts"
import type { TensorType } from "../tensor/tensor.ts"

/** Values on the host: float32 tensors as Float32Array, int32 as Int32Array, bool as Uint8Array of 0 and 1. */
export type HostData = Float32Array | Float64Array | Int32Array | Uint8Array

export interface HostTensor {
  readonly data: HostData
  readonly shape: readonly number[]
}

/** A float32 tensor where it lies in a file, so that a backend can map it instead of copying it. */
export interface FileSlice {
  readonly path: string
  /** In bytes from the start of the file. */
  readonly offset: number
  readonly length: number
}

export interface CompileOptions {
  /** The size of the batch dimension, if the graph has one. */
  readonly batch?: number
  /**
   * States whose values never change in this program: they may be packed, folded or mapped from a file. Several slices
   * are parts that follow each other along the first axis.
   */
  readonly constants?: Readonly<Record<string, Float32Array | FileSlice | readonly FileSlice[]>>
}

/** Anything that can run a graph. */
export interface Backend {
  /** Such as `onnx`, `reference`, `tfjs`. */
  readonly name: string
  /** What it runs on, for people to read. */
  readonly device: string
  compile(graph: Graph, options?: CompileOptions): Promise<Program>
  /** Slots that live on the device between runs, shared by programs; zeros where `data` gives nothing. */
  createState(slots: Readonly<Record<string, TensorType>>, data?: Readonly<Record<string, HostData>>): Promise<State>
  close(): Promise<void>
}

export interface Program {
  /**
   * Runs the graph once. Every input must be given, with as many values as its shape holds; every state that the graph
   * reads and that is no constant must be a slot of `state`, and the slots it updates hold the new values afterwards.
   * @throws VitrineError (backend) for a missing or ill-sized input, before anything has changed.
   */
  run(inputs: Readonly<Record<string, HostData>>, state?: State): Promise<Readonly<Record<string, HostTensor>>>
  dispose(): Promise<void>
}

export interface State {
  readonly slots: Readonly<Record<string, TensorType>>
  /** A copy of a slot's values. */
  read(name: string): Promise<HostData>
  write(name: string, data: HostData): Promise<void>
  dispose(): Promise<void>
}

import type { Graph } from "../graph/graph.ts"
import type { TensorType } from "../tensor/tensor.ts"

/**
 * Values on the host. A float32 tensor is a Float32Array (or a Float64Array on the reference backend), int32 an
 * Int32Array, bool a Uint8Array of 0 and 1.
 */
export type HostData = Float32Array | Float64Array | Int32Array | Uint8Array

/** A tensor in the memory of the host, in row-major order. */
export interface HostTensor {
  readonly data: HostData
  readonly shape: readonly number[]
}

/** A float32 tensor in a file, which a backend can map instead of copying it. */
export interface FileSlice {
  readonly path: string
  /** The first byte, counted from the start of the file. */
  readonly offset: number
  readonly length: number
}

/** Options of compiling a graph. */
export interface CompileOptions {
  /** The size of the batch dimension, if the graph has one. */
  readonly batch?: number
  /**
   * States whose values never change in this program. The backend may repack them, fold them into other constants or
   * map them from a file. A list of slices holds the parts of one tensor along its first axis.
   */
  readonly constants?: Readonly<Record<string, Float32Array | FileSlice | readonly FileSlice[]>>
}

/** Anything that can run a graph. */
export interface Backend {
  /** A short name, such as `onnx`, `reference` or `tfjs`. */
  readonly name: string
  /** The device and the engine, for people to read. */
  readonly device: string
  compile(graph: Graph, options?: CompileOptions): Promise<Program>
  /** Slots that live on the device between runs. Programs share them. A slot without `data` starts at zero. */
  createState(slots: Readonly<Record<string, TensorType>>, data?: Readonly<Record<string, HostData>>): Promise<State>
  close(): Promise<void>
}

/** A graph that a backend has compiled. */
export interface Program {
  /**
   * Runs the graph once. Every input needs as many values as its shape holds. `state` must have a slot for every state
   * of the graph that is not among the constants. The run writes the graph's updates into these slots.
   * @throws VitrineError (backend) for a missing input, or one of the wrong size, before anything has changed.
   */
  run(inputs: Readonly<Record<string, HostData>>, state?: State): Promise<Readonly<Record<string, HostTensor>>>
  dispose(): Promise<void>
}

/** Slots of values that live on a backend: parameters, moments, accumulators. */
export interface State {
  readonly slots: Readonly<Record<string, TensorType>>
  /** A copy of a slot's values. */
  read(name: string): Promise<HostData>
  write(name: string, data: HostData): Promise<void>
  dispose(): Promise<void>
}

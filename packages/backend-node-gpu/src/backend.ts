import type { Backend, CompileOptions, Graph } from "@vitrine/core"
import type { Binding } from "./binding.ts"
import type { MatMulPrecision } from "./kernel.ts"
import { compile, type TensorFlowProgram } from "./program.ts"
import { createSlots } from "./state.ts"

/** Options of the backend on TensorFlow's library. */
export interface NodeGpuOptions {
  /**
   * The precision of the factors of matrix products; `float32` by default. Sums and all other values are in float32.
   */
  readonly precision?: MatMulPrecision | undefined
}

/** The backend on TensorFlow's library. Its programs also take and give tensors of tfjs-node. */
export interface TensorFlowBackend extends Backend {
  compile(graph: Graph, options?: CompileOptions): Promise<TensorFlowProgram>
}

/** A backend on the TensorFlow library behind a tfjs-node addon. */
export function tensorFlowBackend(binding: Binding, { precision = "float32" }: NodeGpuOptions = {}): TensorFlowBackend {
  const device = binding.isUsingGpuDevice() ? "gpu" : "cpu"
  return {
    name: `node-${device}`,
    device: `TensorFlow ${binding.TF_Version} on ${device}`,
    compile: async (graph, options = {}) => compile(binding, graph, options, precision),
    createState: async (slots, data = {}) => createSlots(binding, slots, data),
    close: async () => {},
  }
}

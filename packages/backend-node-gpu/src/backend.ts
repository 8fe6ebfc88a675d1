import type { Backend, CompileOptions, Graph } from "@vitrine/core"
import type { Binding } from "./binding.ts"
import type { MatMulPrecision } from "./kernel.ts"
import { compile, type TensorFlowProgram } from "./program.ts"
import { createSlots } from "./state.ts"

export interface NodeGpuOptions {
  /** What matrix products take their factors in; sums and all else stay in float32. `float32` by default. */
  readonly precision?: MatMulPrecision | undefined
}

export interface TensorFlowBackend extends Backend {
  compile(graph: Graph, options?: CompileOptions): Promise<TensorFlowProgram>
}

/** Runs graphs on the TensorFlow library behind a tfjs-node addon. */
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

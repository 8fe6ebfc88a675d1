import type { Step } from "../plan/step.ts"
import type { Tiling } from "./tiling.ts"

/** What kernels are made for. */
export interface Target {
  /** Threads that stand side by side in one subgroup, where kernels may exchange their registers; 0 for none. */
  readonly subgroup: number
  /** Bytes of memory that a workgroup may use. */
  readonly workgroupMemory: number
  /** Whether it computes on the CPU, where workgroups' memory is no faster than other memory, and takes time to fill. */
  readonly cpu?: boolean
  /** The tiling of a product, where that was measured. */
  readonly tiling?: (step: Step<"matMul">) => Tiling | undefined
}

import type { Step } from "../plan/step.ts"
import type { Tiling } from "./tiling.ts"

/** The device that kernels are written for. */
export interface Target {
  /**
   * The number of neighbouring threads that are in one subgroup, so that kernels may exchange their registers; 0 for
   * none.
   */
  readonly subgroup: number
  /** Bytes of memory that a workgroup may use. */
  readonly workgroupMemory: number
  /**
   * Whether the device computes on the CPU. There the memory of workgroups is no faster than other memory, and takes
   * time to fill.
   */
  readonly cpu?: boolean
  /** The measured tiling of a product, or undefined. */
  readonly tiling?: (step: Step<"matMul">) => Tiling | undefined
}

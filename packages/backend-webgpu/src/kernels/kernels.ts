import type { Group } from "../plan/fuse.ts"
import type { Step } from "../plan/step.ts"
import type { Stored, Tensor } from "../plan/tensor.ts"
import { sizeOf, type View, wholeView } from "../plan/view.ts"
import { attentionGradKeyKernel, attentionGradQueryKernel, attentionKernel } from "./attention.ts"
import { chooseTiling, matMulKernel, type Tiling } from "./matmul.ts"
import { type Pointwise, pointwiseKernel } from "./pointwise.ts"
import { combineKernel, extent, type Parts, reduceKernel, reduceParts } from "./reduce.ts"
import {
  columnParts,
  crossEntropyKernel,
  layerNormGradKernel,
  layerNormGradWeightKernel,
  layerNormKernel,
  softmaxGradKernel,
  softmaxKernel,
} from "./rows.ts"
import type { Kernel } from "./shader.ts"
import {
  conv2dInputGradKernel,
  conv2dKernel,
  conv2dWeightGradKernel,
  gatherKernel,
  maxPool2dKernel,
  scatterAddKernel,
} from "./windows.ts"

/** What kernels are made for. */
export interface Target {
  /** Threads that stand side by side in one subgroup, where kernels may exchange their registers; 0 where not. */
  readonly subgroup: number
  /** Bytes of memory that a workgroup may use. */
  readonly workgroupMemory: number
  /** Whether it computes on the CPU, where workgroups' memory is no nearer than any other, and filling it is dear. */
  readonly cpu?: boolean
  /** How a product is cut, where that is known better than from its sizes. */
  readonly tiling?: (step: Step<"matMul">, tensors: readonly Tensor[]) => Tiling | undefined
}

/**
 * The kernels of a group, in order; what they need between them is added to `tensors`. Sums of small parts that
 * `defer` takes are left to it.
 */
export function kernelsOf(
  tensors: Tensor[],
  group: Group,
  target: Target,
  defer: (parts: readonly Parts[], count: number) => boolean,
): Kernel[] {
  const { anchor, writes } = group
  const before: Pointwise = { steps: group.before, writes: new Set() }
  const after: Pointwise = { steps: group.after, writes }
  const work = (shape: readonly number[], dtype: Stored = "float32"): View =>
    wholeView(tensors.push({ shape, dtype, place: "work" }) - 1, shape)
  if (anchor === undefined) return [pointwiseKernel(tensors, after)]

  switch (anchor.op) {
    case "matMul": {
      const step = anchor as Step<"matMul">
      const tiling = target.tiling?.(step, tensors) ?? chooseTiling(step, target.cpu)
      if (tiling.splits === 1) return [matMulKernel(tensors, step, after, tiling, target.subgroup)]
      const [result, sums] = step.outputs as [View, View | null | undefined]
      const parts = work([tiling.splits, sizeOf(result.shape)])
      const sumParts = sums ? work([tiling.splits, sizeOf(sums.shape)]) : undefined
      const split: Step<"matMul"> = sumParts ? { ...step, outputs: [result, sumParts] } : step
      const all = [{ view: parts, result, after }]
      if (sums && sumParts) all.push({ view: sumParts, result: sums, after: { steps: [], writes } })
      return [
        matMulKernel(tensors, split, after, tiling, target.subgroup, parts),
        combineKernel(tensors, all, tiling.splits),
      ]
    }
    case "sum":
    case "max": {
      const step = anchor as Step<"sum">
      const size = extent(step)
      const count = reduceParts(size)
      if (count === 1) return [reduceKernel(tensors, step, before, after, target.subgroup)]
      const view = work([count, size.outputs])
      const result = step.outputs[0] as View
      return [
        reduceKernel(tensors, step, before, after, target.subgroup, { count, view }),
        combineKernel(tensors, [{ view, result, after }], count, step.op),
      ]
    }
    case "layerNormGradWeight": {
      const step = anchor as Step<"layerNormGradWeight">
      const { shape } = step.inputs[0] as View
      const width = shape.at(-1) as number
      const count = columnParts(sizeOf(shape) / width, width)
      if (count === 1) return [layerNormGradWeightKernel(tensors, step, step.outputs, 1)]
      const parts = step.outputs.map((view) => view && work([count, width]))
      const all = step.outputs.flatMap((result, i) =>
        result ? [{ view: parts[i] as View, result, after: { steps: [], writes } }] : [],
      )
      const kernel = layerNormGradWeightKernel(tensors, step, parts, count)
      return defer(all, count) ? [kernel] : [kernel, combineKernel(tensors, all, count)]
    }
    case "softmax":
      return [softmaxKernel(tensors, anchor as Step<"softmax">, after, target.subgroup)]
    case "softmaxGrad":
      return [softmaxGradKernel(tensors, anchor as Step<"softmaxGrad">, after, target.subgroup)]
    case "softmaxCrossEntropy":
      return [crossEntropyKernel(tensors, anchor as Step<"softmaxCrossEntropy">, after, target.subgroup)]
    case "layerNorm":
      return [layerNormKernel(tensors, anchor as Step<"layerNorm">, after, target.subgroup)]
    case "layerNormGrad":
      return [layerNormGradKernel(tensors, anchor as Step<"layerNormGrad">, after, target.subgroup)]
    case "attention":
      return [attentionKernel(tensors, anchor as Step<"attention">, target)]
    case "attentionGradQuery":
      return [attentionGradQueryKernel(tensors, anchor as Step<"attentionGradQuery">, target)]
    case "attentionGradKey":
      return [attentionGradKeyKernel(tensors, anchor as Step<"attentionGradKey">, target)]
    case "conv2d":
      return [conv2dKernel(tensors, anchor as Step<"conv2d">)]
    case "conv2dInputGrad":
      return [conv2dInputGradKernel(tensors, anchor as Step<"conv2dInputGrad">)]
    case "conv2dWeightGrad":
      return [conv2dWeightGradKernel(tensors, anchor as Step<"conv2dWeightGrad">)]
    case "maxPool2d":
      return [maxPool2dKernel(tensors, anchor as Step<"maxPool2d">)]
    case "gather":
      return [gatherKernel(tensors, anchor as Step<"gather">)]
    case "scatterAdd":
      return [scatterAddKernel(tensors, anchor as Step<"scatterAdd">)]
    default:
      throw new Error(`no kernel for ${anchor.op}`)
  }
}

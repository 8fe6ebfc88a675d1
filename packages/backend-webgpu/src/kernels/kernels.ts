import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Group } from "../plan/fuse.ts"
import type { Step } from "../plan/step.ts"
import type { View } from "../plan/view.ts"
import { attentionGradKeyKernel, attentionGradQueryKernel, attentionKernel } from "./attention.ts"
import { matMulKernel } from "./matmul.ts"
import { type Pointwise, pointwiseKernel, written } from "./pointwise.ts"
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
import type { Target } from "./target.ts"
import { chooseTiling } from "./tiling.ts"
import {
  conv2dInputGradKernel,
  conv2dKernel,
  conv2dWeightGradKernel,
  gatherKernel,
  maxPool2dKernel,
  scatterAddKernel,
} from "./windows.ts"

/** Allocates float32 memory for values between the kernels of a group. */
export type MakeWork = (shape: readonly number[]) => View

/** Takes parts whose sum a later kernel can compute together with others. It returns false if it cannot. */
export type Defer = (parts: readonly Parts[], count: number) => boolean

/** The kernels of a group, in order. */
export function kernelsOf({ anchor, ...group }: Group, target: Target, work: MakeWork, defer: Defer): Kernel[] {
  const before: Pointwise = { steps: group.before, writes: new Set() }
  const after: Pointwise = { steps: group.after, writes: group.writes }
  const { subgroup } = target
  switch (anchor?.op) {
    case undefined:
      return [pointwiseKernel(after)]
    case "matMul":
      return productKernels(anchor, after, target, work)
    case "sum":
    case "max":
      return reductionKernels(anchor, before, after, subgroup, work)
    case "softmax":
      return [softmaxKernel(anchor, after, subgroup)]
    case "softmaxGrad":
      return [softmaxGradKernel(anchor, after, subgroup)]
    case "softmaxCrossEntropy":
      return [crossEntropyKernel(anchor, after, subgroup)]
    case "layerNorm":
      return [layerNormKernel(anchor, after, subgroup)]
    case "layerNormGrad":
      return [layerNormGradKernel(anchor, after, subgroup)]
    case "layerNormGradWeight":
      return columnKernels(anchor, work, defer)
    case "attention":
      return [attentionKernel(anchor, target)]
    case "attentionGradQuery":
      return [attentionGradQueryKernel(anchor, target)]
    case "attentionGradKey":
      return [attentionGradKeyKernel(anchor, target)]
    case "conv2d":
      return [conv2dKernel(anchor)]
    case "conv2dInputGrad":
      return [conv2dInputGradKernel(anchor)]
    case "conv2dWeightGrad":
      return [conv2dWeightGradKernel(anchor)]
    case "maxPool2d":
      return [maxPool2dKernel(anchor)]
    case "gather":
      return [gatherKernel(anchor)]
    case "scatterAdd":
      return [scatterAddKernel(anchor)]
    case "sumOfSquares":
      throw new Error("sums of squares run over many tensors by a table")
  }
}

function productKernels(step: Step<"matMul">, after: Pointwise, target: Target, work: MakeWork): Kernel[] {
  const tiling = target.tiling?.(step) ?? chooseTiling(step, target.cpu)
  const { splits } = tiling
  if (splits === 1) return [matMulKernel(step, after, tiling, target.subgroup)]
  const [result, rowSums] = step.outputs
  const view = work([splits, elementCount(result.shape)])
  const all: Parts[] = [{ view, result, after }]
  let split = step
  if (rowSums !== undefined) {
    const sums = work([splits, elementCount(rowSums.shape)])
    split = { ...step, outputs: [result, sums] }
    all.push({ view: sums, result: rowSums, after: { steps: [], writes: after.writes } })
  }
  return [matMulKernel(split, after, tiling, target.subgroup, view), combineKernel(all, splits)]
}

function reductionKernels(
  step: Step<"sum" | "max">,
  before: Pointwise,
  after: Pointwise,
  subgroup: number,
  work: MakeWork,
): Kernel[] {
  const size = extent(step)
  const count = reduceParts(size)
  if (count === 1) return [reduceKernel(step, before, after, subgroup)]
  const view = work([count, size.outputs])
  const [result] = step.outputs
  return [
    reduceKernel(step, before, after, subgroup, { count, view }),
    combineKernel([{ view, result, after }], count, step.op),
  ]
}

function columnKernels(step: Step<"layerNormGradWeight">, work: MakeWork, defer: Defer): Kernel[] {
  const [{ shape }] = step.inputs
  const width = dimAt(shape, -1)
  const count = columnParts(elementCount(shape) / width, width)
  if (count === 1) return [layerNormGradWeightKernel(step, step.outputs, 1)]
  const all: Parts[] = []
  const partsOf = (result: View | null): View | null => {
    if (result === null) return null
    const view = work([count, width])
    all.push({ view, result, after: written(result) })
    return view
  }
  const [dweight, dbias] = step.outputs
  const kernel = layerNormGradWeightKernel(step, [partsOf(dweight), partsOf(dbias)], count)
  return defer(all, count) ? [kernel] : [kernel, combineKernel(all, count)]
}

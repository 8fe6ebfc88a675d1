import { adam, type AdamFields, adamOptimizer } from "./adam.ts"
import type { OptimizerKind } from "./optimizer.ts"

const spellings = { adamw: { name: "adamw" } } as const

/**
 * Adam with decoupled weight decay, which acts on the weights directly (Loshchilov and Hutter, "Decoupled Weight Decay
 * Regularization", 2019).
 */
export const adamw: OptimizerKind<AdamFields, typeof spellings> = {
  fields: adam.fields,
  spellings,
  create: (settings) => adamOptimizer(settings, true),
}

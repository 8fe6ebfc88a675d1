import { adam, type AdamFields, adamOptimizer } from "./adam.ts"
import type { OptimizerKind } from "./optimizer.ts"

const spellings = { adamw: { name: "adamw" } } as const

/** Adam with weights that decay directly ("Decoupled Weight Decay Regularization", Loshchilov and Hutter, 2019). */
export const adamw: OptimizerKind<AdamFields, typeof spellings> = {
  fields: adam.fields,
  spellings,
  create: (settings) => adamOptimizer(settings, true),
}

import type { Flags, Values } from "./flag.ts"
import { machineFlags } from "./machine.ts"
import { jsonFlag, modelFlag } from "./model.ts"

/** The flags of `predict` that every task accepts. */
export const predictFlags = { ...modelFlag, ...jsonFlag, ...machineFlags } as const satisfies Flags

export type PredictValues = Values<typeof predictFlags> & { readonly model: string }

import type { Flags, Values } from "./flag.ts"
import { machineFlags } from "./machine.ts"
import { jsonFlag, modelFlag } from "./model.ts"

/** What every task accepts to predict. */
export const predictFlags = { ...modelFlag, ...jsonFlag, ...machineFlags } as const satisfies Flags

export type PredictValues = Values<typeof predictFlags>

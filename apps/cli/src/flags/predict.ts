import type { Flags, Values } from "./flag.ts"
import { machineFlags } from "./machine.ts"
import { jsonFlag, modelFlag } from "./model.ts"
import { shardFlag } from "./shard.ts"

/** The flags of `predict` that every task accepts. */
export const predictFlags = {
  ...modelFlag,
  ...jsonFlag,
  out: {
    alias: "-o",
    value: "<file>",
    help: "write a .jsonl file, or of classes a .parquet file, with a row for each image, in place of the text",
  },
  ...shardFlag,
  ...machineFlags,
} as const satisfies Flags

export type PredictValues = Values<typeof predictFlags> & { readonly model: string }

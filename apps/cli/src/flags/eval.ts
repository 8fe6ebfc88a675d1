import type { Flags, Values } from "./flag.ts"
import { machineFlags } from "./machine.ts"
import { jsonFlag, modelFlag } from "./model.ts"
import { integerValue } from "./values.ts"

/** The flags of `eval` that every task accepts. */
export const evalFlags = {
  ...modelFlag,
  data: {
    value: "<path...>",
    help: 'images: a folder, an archive, Parquet, hf:datasets/owner/name, IDX files, or "shapes"; default: what the run was trained on',
  },
  split: {
    value: "<name>",
    help: "which part of the data; default: val, or test where there is none; of another folder without splits: all",
    choices: ["val", "train", "test", "all"],
  },
  batchSize: { value: "<n>", help: "images at a time", parse: integerValue(1), default: 64 },
  ...jsonFlag,
  ...machineFlags,
} as const satisfies Flags

export type EvalValues = Values<typeof evalFlags> & { readonly model: string }

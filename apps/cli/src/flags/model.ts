import type { Flags } from "./flag.ts"
import { checkpointValue } from "./values.ts"

export const modelHelp =
  "a run folder, one of timm's or Hugging Face's, a .safetensors or .npz file, or hf:owner/name[@revision]"

/** The checkpoint of a run to use. */
export const checkpointFlag = {
  checkpoint: {
    value: "<which>",
    help: "of a run: last, best, or a step; default: the model that it publishes",
    parse: checkpointValue,
  },
} as const satisfies Flags

/** The model that a command uses. */
export const modelFlag = {
  model: { value: "<model>", help: modelHelp, required: true },
  ...checkpointFlag,
} as const satisfies Flags

/** The format of a command's output. */
export const jsonFlag = { json: { help: "one JSON document" } } as const satisfies Flags

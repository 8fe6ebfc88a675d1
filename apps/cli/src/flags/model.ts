import type { Flags } from "./flag.ts"

export const modelHelp =
  "a run folder, one of timm's or Hugging Face's, a .safetensors or .npz file, or hf:owner/name[@revision]"

/** The model that a command uses. */
export const modelFlag = { model: { value: "<model>", help: modelHelp, required: true } } as const satisfies Flags

/** The form of what a command prints. */
export const jsonFlag = { json: { help: "one JSON document" } } as const satisfies Flags

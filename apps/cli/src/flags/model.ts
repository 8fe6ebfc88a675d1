import { UsageError } from "../errors.ts"
import type { Flags } from "./flag.ts"
import { checkpointValue } from "./values.ts"

export const modelHelp =
  "a run folder, one of timm's or Hugging Face's, a .safetensors or .npz file, hf:owner/name[@revision], or vitrine:cifar10-hybrid"

export const imagesHelp =
  "image files, folders of them, or data: an archive, a table, Parquet, WebDataset, hf:datasets/owner/name"

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
  model: { value: "<model>", help: "the model, in place of the first argument" },
  ...checkpointFlag,
} as const satisfies Flags

/**
 * The model that a command uses, by `--model` or else as its first argument, and the other arguments.
 * @param what what the other arguments are, if there must be one; empty if there may be some
 * @throws UsageError
 */
export function modelAndOthers(
  words: readonly (string | undefined)[],
  flag: string | undefined,
  what?: "image" | "",
): { readonly model: string; readonly others: readonly string[] } {
  const all = [...(flag === undefined ? [] : [flag]), ...words.filter((word) => word !== undefined)]
  const [model, ...others] = all
  if (model === undefined) throw new UsageError("name the model: as the first argument, or by --model")
  if (what && others.length === 0) throw new UsageError(`missing required argument '${what}'`)
  if (what === undefined && others.length > 0) throw new UsageError(`too many arguments: ${others.join(" ")}`)
  return { model, others }
}

/** The format of a command's output. */
export const jsonFlag = { json: { help: "one JSON document" } } as const satisfies Flags

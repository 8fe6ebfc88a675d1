/** The common parts of the readers of timm's `model_args`. */
import { configError, shown } from "../../errors.ts"
import type { Json } from "../../json.ts"

export const poolNames = { token: "token", average: "avg", map: "map", "token+average": "token" } as const

export function sidesOf([height, width]: readonly number[]): readonly [number, number] | undefined {
  return height === undefined || width === undefined ? undefined : [height, width]
}

/** The paths of a configuration's fields in a `config.json`. "" is for all other fields. */
export function pathsOf(others: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return {
    imageSize: "model_args.img_size",
    patchSize: "model_args.patch_size",
    patches: "model_args.patch_size",
    channels: "model_args.in_chans",
    dim: "model_args.embed_dim",
    depth: "model_args.depth",
    heads: "model_args.num_heads",
    mlpDim: "model_args.mlp_ratio",
    classes: "num_classes",
    pool: "model_args.global_pool",
    dropout: "model_args.proj_drop_rate",
    attentionDropout: "model_args.attn_drop_rate",
    stochasticDepth: "model_args.drop_path_rate",
    ...others,
    "": "model_args",
  }
}

/** Arguments that Vitrine accepts only with the value that changes nothing, and the feature that other values mean. */
export type NeutralArgs = Readonly<Record<string, readonly [accepted: readonly unknown[], feature: string]>>

export interface TimmArguments {
  readonly known: object
  /** Arguments that affect only training. */
  readonly ignored: readonly string[]
  readonly neutral: NeutralArgs
}

/** @throws VitrineError (config) for unknown arguments, and for arguments that mean a feature that Vitrine lacks */
export function refuseFeatures(args: Json, { known, ignored, neutral }: TimmArguments, file: string): void {
  for (const [key, value] of Object.entries(args)) {
    if (value === null || Object.hasOwn(known, key) || ignored.includes(key)) continue
    const [accepted, feature] = (Object.hasOwn(neutral, key) ? neutral[key] : undefined) ?? []
    if (accepted === undefined) throw configError(file, `model_args.${key} is not known to Vitrine`)
    if (accepted.includes(value)) continue
    throw configError(file, `model_args.${key} is ${shown(value)}: Vitrine does not have ${feature}`)
  }
}

import type { Flags } from "./flag.ts"
import { shardValue } from "./values.ts"

/** The part of the images that this process takes. */
export const shardFlag = {
  shard: {
    value: "<i/n>",
    help: "take part i of n of the images; with --out the last part joins all; default: by the rank of mpirun, or by Slurm's array",
    parse: shardValue,
  },
} as const satisfies Flags

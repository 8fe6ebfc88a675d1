import { UsageError } from "./errors.ts"
import { batchSize, type OpenImages } from "./images.ts"

/** A part of the images that one of several processes takes. */
export interface Shard {
  /** From 1 on. */
  readonly index: number
  readonly count: number
}

export const shardName = ({ index, count }: Shard): string => `${index}/${count}`

/**
 * The shard of this process: the flag's, or else by the rank that a launcher of MPI gave it, or by Slurm's array.
 * @throws UsageError if both a launcher and an array share out, or an array has gaps
 */
export function shardOf(flag: Shard | undefined, env: NodeJS.ProcessEnv = process.env): Shard | undefined {
  if (flag !== undefined) return flag
  const [ranks, tasks] = [shardOfRank(env), shardOfArray(env)]
  if (ranks !== undefined && tasks !== undefined)
    throw new UsageError("a launcher of MPI and an array of Slurm both share the images out: give --shard i/n")
  return ranks ?? tasks
}

/** https://docs.open-mpi.org/en/main/tuning-apps/environment-var.html; MPICH's Hydra and Slurm's PMI set PMI_RANK. */
function shardOfRank(env: NodeJS.ProcessEnv): Shard | undefined {
  const [rank, size] = [env.OMPI_COMM_WORLD_RANK ?? env.PMI_RANK, env.OMPI_COMM_WORLD_SIZE ?? env.PMI_SIZE]
  return rank === undefined || size === undefined || Number(size) < 2
    ? undefined
    : { index: Number(rank) + 1, count: Number(size) }
}

/** https://slurm.schedmd.com/job_array.html */
function shardOfArray(env: NodeJS.ProcessEnv): Shard | undefined {
  const { SLURM_ARRAY_TASK_ID: id, SLURM_ARRAY_TASK_COUNT: count } = env
  if (id === undefined || count === undefined || Number(count) < 2) return undefined
  const [first, last] = [Number(env.SLURM_ARRAY_TASK_MIN), Number(env.SLURM_ARRAY_TASK_MAX)]
  const step = (last - first) / (Number(count) - 1)
  const index = (Number(id) - first) / step
  if (!Number.isInteger(step) || !Number.isInteger(index))
    throw new UsageError(
      "the numbers of Slurm's array have gaps, so it is not known which part is this one: give --shard i/n",
    )
  return { index: index + 1, count: Number(count) }
}

/** A shard's images: neighbours, in whole batches if there are enough, so that each image meets the same ones in a batch. */
export function imagesOf(images: OpenImages, { index, count }: Shard): OpenImages {
  const { names, decode, close } = images
  const unit = names.length < batchSize * count ? 1 : batchSize
  const place = (i: number): number =>
    Math.min(names.length, unit * Math.floor((i * Math.ceil(names.length / unit)) / count))
  const [from, to] = [place(index - 1), place(index)]
  return { names: names.slice(from, to), decode: (name, i) => decode(name, from + i), close }
}

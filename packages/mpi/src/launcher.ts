type Environment = Readonly<Record<string, string | undefined>>

/** The number of processes that a launcher (`mpirun`, `srun`) says it has started; undefined without a launcher. */
export function launchedRanks(env: Environment): number | undefined {
  const { OMPI_COMM_WORLD_SIZE, PMI_SIZE, PMIX_RANK, SLURM_NTASKS } = env
  const text = OMPI_COMM_WORLD_SIZE ?? PMI_SIZE ?? (PMIX_RANK === undefined ? undefined : SLURM_NTASKS)
  const size = Number(text)
  return text !== undefined && Number.isSafeInteger(size) && size > 0 ? size : undefined
}

/** The number of the ranks on this machine; undefined where the launcher does not say. */
export function localRanks(env: Environment): number | undefined {
  const { OMPI_COMM_WORLD_LOCAL_SIZE, MPI_LOCALNRANKS, SLURM_NTASKS_PER_NODE } = env
  const size = Number(OMPI_COMM_WORLD_LOCAL_SIZE ?? MPI_LOCALNRANKS ?? SLURM_NTASKS_PER_NODE)
  return Number.isSafeInteger(size) && size > 0 ? size : undefined
}

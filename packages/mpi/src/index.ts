export { launchedRanks, localRanks } from "./launcher.ts"
export { type MpiRanks, openMpi } from "./mpi.ts"

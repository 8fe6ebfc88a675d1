// MPI libraries differ in their binary interfaces: a handle is a number of a width of its own, or the address of an
// exported symbol.

/** The handles and constants that are used. */
export interface Constants {
  readonly world: number | bigint
  readonly float: number | bigint
  readonly byte: number | bigint
  readonly sum: number | bigint
  /** The address that means "in place". */
  readonly inPlace: bigint
  readonly statusIgnore: bigint
  readonly funneled: number
}

/** A binary interface. */
export interface Abi {
  /** The C type of a handle. */
  readonly handle: "int" | "intptr_t"
  /** The constants, some of which are addresses of symbols. */
  readonly constants: (address: (symbol: string) => bigint) => Constants
}

type AbiName = "openmpi" | "mpich" | "standard"

/** The interfaces of Open MPI 4 and 5, of MPICH 4 and 5, and of the MPI 5 standard. */
export const abis: Readonly<Record<AbiName, Abi>> = {
  openmpi: {
    handle: "intptr_t",
    constants: (address) => ({
      world: address("ompi_mpi_comm_world"),
      float: address("ompi_mpi_float"),
      byte: address("ompi_mpi_byte"),
      sum: address("ompi_mpi_op_sum"),
      inPlace: 1n,
      statusIgnore: 0n,
      funneled: 1,
    }),
  },
  mpich: {
    handle: "int",
    constants: () => ({
      world: 0x44000000,
      float: 0x4c00040a,
      byte: 0x4c00010d,
      sum: 0x58000003,
      inPlace: -1n,
      statusIgnore: 1n,
      funneled: 1,
    }),
  },
  standard: {
    handle: "intptr_t",
    constants: () => ({
      world: 0x101,
      float: 0x210,
      byte: 0x247,
      sum: 0x21,
      inPlace: 1n,
      statusIgnore: 0n,
      funneled: 1024,
    }),
  },
}

/** The files of MPI libraries, those of the launcher first: `libmpi.so.12` is MPICH's, `libmpi.so.40` Open MPI's. */
export function libraries(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const { VITRINE_MPI: chosen, OMPI_COMM_WORLD_SIZE: open } = env
  if (chosen !== undefined) return [chosen]
  const mpich = ["libmpich.so.12", "libmpi.so.12", "libmpi_abi.so.1", "libmpi_abi.so.0"]
  return open === undefined ? [...mpich, "libmpi.so.40"] : ["libmpi.so.40", ...mpich]
}

/** The interface of a library, by its file and by what it says of itself. */
export function abiOf(file: string, version: string): AbiName {
  if (file.includes("libmpi_abi")) return "standard"
  return version.includes("Open MPI") ? "openmpi" : "mpich"
}

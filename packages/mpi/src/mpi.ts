import { deserialize, serialize } from "node:v8"
import { VitrineError } from "@vitrine/core"
import { abiOf, abis, type Constants, libraries } from "./abi.ts"
import { launchedRanks } from "./launcher.ts"

/** The processes that a launcher has started, over MPI. */
export interface MpiRanks {
  readonly rank: number
  readonly size: number
  /** The library and its version, for people to read. */
  readonly library: string
  /** Adds up values over all ranks, in place, by pairs: of four ranks (0 + 1) + (2 + 3). */
  allReduce(values: Float32Array): Promise<void>
  /** The records of all ranks, by rank. */
  gather<T>(record: T): Promise<readonly T[]>
  /** The bytes that rank 0 gives. */
  broadcast(bytes?: Uint8Array): Promise<Uint8Array>
  barrier(): Promise<void>
  /** Ends all ranks at once. */
  abort(code: number): void
  /** Leaves MPI, when all ranks are done. */
  close(): void
}

/** The most bytes of one message of a broadcast. */
const mostBytes = 2 ** 30

/** A loaded library. Calls wait until they are done, and throw if MPI reports an error. */
interface Library {
  readonly version: string
  readonly constants: Constants
  call(name: string, types: string, ...values: readonly unknown[]): void
}

async function loadLibrary(env: NodeJS.ProcessEnv): Promise<Library> {
  // UCX, beneath some libraries, tries its memory events by moving the end of the heap, where other threads allocate.
  process.env["UCX_MEM_EVENTS"] ??= "n"
  const koffi = (await import("koffi")).default
  // MPI needs more than koffi's stack, and may overflow it otherwise.
  if (koffi.config()["sync_stack_size"] !== stackBytes)
    koffi.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes })
  const faults: string[] = []
  for (const file of libraries(env)) {
    let lib: ReturnType<typeof koffi.load>
    try {
      lib = koffi.load(file, { global: true })
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error))
      continue
    }
    const [text, length] = [Buffer.alloc(8192), Int32Array.of(0)]
    lib.func("int MPI_Get_library_version(void *version, void *length)")(text, length)
    const version = text.toString("latin1", 0, length[0]).split("\n")[0] ?? ""
    const { handle, constants } = abis[abiOf(file, version)]
    const functions = new Map<string, ReturnType<typeof lib.func>>()
    return {
      version,
      constants: constants((symbol) => koffi.address(lib.symbol(symbol, "void *"))),
      call(name, types, ...values) {
        const callable = functions.get(name) ?? lib.func(`int ${name}(${types.replaceAll("handle", handle)})`)
        functions.set(name, callable)
        const code: unknown = callable(...values)
        if (code !== 0) throw new VitrineError("backend", `${name} failed with MPI's error ${String(code)}`)
      },
    }
  }
  throw new VitrineError(
    "backend",
    `there is no MPI library (Open MPI or MPICH): install one, or name its file in VITRINE_MPI; ${faults.join("; ")}`,
  )
}

const stackBytes = 8 * 2 ** 20

/**
 * Joins the processes that a launcher has started.
 * @throws VitrineError (backend) where no MPI library loads, or where launcher and library do not belong together
 */
export async function openMpi(env: NodeJS.ProcessEnv = process.env): Promise<MpiRanks> {
  const { version, constants, call } = await loadLibrary(env)
  const { world, float, byte, sum, inPlace, statusIgnore, funneled } = constants
  call("MPI_Init_thread", "void *argc, void *argv, int wanted, void *given", null, null, funneled, Int32Array.of(0))
  const number = (name: string): number => {
    const value = Int32Array.of(0)
    call(name, "handle comm, void *value", world, value)
    return value[0] ?? 0
  }
  const [rank, size] = [number("MPI_Comm_rank"), number("MPI_Comm_size")]
  const launched = launchedRanks(env)
  if (launched !== undefined && launched !== size) {
    call("MPI_Finalize", "")
    throw new VitrineError(
      "backend",
      `the launcher has started ${launched} processes, and ${version} knows ${size}: launcher and library are of different MPIs; start with the launcher of that library, or name the launcher's library in VITRINE_MPI`,
    )
  }
  const broadcastInto = (bytes: Uint8Array): void => {
    for (let from = 0; from < bytes.length; from += mostBytes) {
      const part = bytes.subarray(from, from + mostBytes)
      call("MPI_Bcast", "void *data, int n, handle type, int root, handle comm", part, part.length, byte, 0, world)
    }
  }
  /** Sends values to another rank, and receives as many of its own. */
  const exchange = (values: Float32Array, theirs: Float32Array, peer: number): void =>
    call(
      "MPI_Sendrecv",
      "void *from, int n, handle t, int to, int tag, void *into, int m, handle u, int source, int tag2, handle comm, intptr_t status",
      values,
      values.length,
      float,
      peer,
      0,
      theirs,
      theirs.length,
      float,
      peer,
      0,
      world,
      statusIgnore,
    )
  let spare = new Float32Array(0)
  return {
    rank,
    size,
    library: version,
    async allReduce(values) {
      if ((size & (size - 1)) !== 0) {
        const types = "intptr_t from, void *into, int n, handle type, handle op, handle comm"
        call("MPI_Allreduce", types, inPlace, values, values.length, float, sum, world)
        return
      }
      if (spare.length < values.length) spare = new Float32Array(values.length)
      // Neighbours exchange halves and add them, then pairs of pairs: Rabenseifner's algorithm, with the nearest first.
      const stretches: { readonly from: number; readonly to: number; readonly peer: number; readonly low: boolean }[] =
        []
      let [from, to] = [0, values.length]
      for (let distance = 1; distance < size; distance *= 2) {
        const [peer, low, middle] = [rank ^ distance, (rank & distance) === 0, (from + to) >> 1]
        stretches.push({ from, to, peer, low })
        const half = low ? values.subarray(middle, to) : values.subarray(from, middle)
        ;[from, to] = low ? [from, middle] : [middle, to]
        const theirs = spare.subarray(0, to - from)
        exchange(half, theirs, peer)
        for (let i = 0; i < theirs.length; i++) values[from + i] = (values[from + i] ?? 0) + (theirs[i] ?? 0)
      }
      for (const stretch of stretches.reverse()) {
        const other = stretch.low ? values.subarray(to, stretch.to) : values.subarray(stretch.from, from)
        exchange(values.subarray(from, to), other, stretch.peer)
        ;[from, to] = [stretch.from, stretch.to]
      }
    },
    async gather<T>(record: T): Promise<readonly T[]> {
      const own = serialize(record)
      const lengths = new Int32Array(size)
      const gatherTypes = "void *from, int n, handle t, void *into, int m, handle u, handle comm"
      call("MPI_Allgather", gatherTypes, Int32Array.of(own.length), 4, byte, lengths, 4, byte, world)
      const starts = new Int32Array(size)
      let total = 0
      for (const [i, length] of lengths.entries()) {
        starts[i] = total
        total += length
      }
      if (total >= 2 ** 31) throw new VitrineError("backend", `ranks have ${total} bytes of records, over 2 GiB`)
      const all = new Uint8Array(total)
      call(
        "MPI_Allgatherv",
        "void *from, int n, handle t, void *into, void *lengths, void *starts, handle u, handle comm",
        own,
        own.length,
        byte,
        all,
        lengths,
        starts,
        byte,
        world,
      )
      return Array.from(lengths, (length, i): T => deserialize(all.subarray(starts[i], (starts[i] ?? 0) + length)))
    },
    async broadcast(bytes) {
      const length = Float64Array.of(bytes?.length ?? 0)
      broadcastInto(new Uint8Array(length.buffer))
      const data = bytes ?? new Uint8Array(length[0] ?? 0)
      broadcastInto(data)
      return data
    },
    barrier: async () => call("MPI_Barrier", "handle comm", world),
    abort: (code) => call("MPI_Abort", "handle comm, int code", world, code),
    close: () => call("MPI_Finalize", ""),
  }
}

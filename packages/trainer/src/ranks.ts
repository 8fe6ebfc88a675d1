import { type HostData, type State, VitrineError } from "@vitrine/core"
import type { Slots } from "./programs.ts"

/**
 * The processes that train one model together, as one of them sees them. All call the same functions in the same order.
 * Each takes a block of the micro-batches of every step.
 */
export interface Communicator {
  /** The number of this process, from 0. */
  readonly rank: number
  readonly size: number
  /**
   * Adds up `values` over all ranks, in place, by the tree of `treeFold`: of four ranks (0 + 1) + (2 + 3). So the result
   * has the same bits on every rank.
   */
  allReduce(values: Float32Array): Promise<void>
  /** The records of all ranks, by rank. A record is plain data that `structuredClone` copies. */
  gather<T>(record: T): Promise<readonly T[]>
  /** The bytes that rank 0 gives. The others give none. */
  broadcast(bytes?: Uint8Array): Promise<Uint8Array>
  /** Waits until all ranks are here. */
  barrier(): Promise<void>
}

/** A stretch of micro-batches, or of other things that ranks share: `from` … `to − 1`. */
export interface Block {
  readonly from: number
  readonly to: number
}

/**
 * The block of a rank. Blocks differ by at most one micro-batch.
 * @throws VitrineError (config) for fewer micro-batches than ranks
 */
export function blockOf(count: number, { rank, size }: Pick<Communicator, "rank" | "size">): Block {
  if (count < size)
    throw new VitrineError(
      "config",
      `${size} ranks share ${count} micro-batch${count === 1 ? "" : "es"} a step: set microBatches to ${size} or a multiple of it (--micro-batches)`,
    )
  return { from: Math.floor((rank * count) / size), to: Math.floor(((rank + 1) * count) / size) }
}

/** Bytes that ranks add up at a time: enough that the start of a message costs little, as PyTorch's buckets. */
const bucketBytes = 25 * 2 ** 20

/** Adds up float32 slots over all ranks, in buckets of 25 MiB. */
export async function sumSlots(ranks: Communicator, state: State, slots: Slots): Promise<void> {
  const values: { readonly name: string; readonly data: HostData }[] = []
  let length = 0
  for (const name of Object.keys(slots)) {
    const data = await state.read(name)
    values.push({ name, data })
    length += data.length
  }
  const all = new Float32Array(length)
  let at = 0
  for (const { data } of values) {
    all.set(data, at)
    at += data.length
  }
  const most = bucketBytes / 4
  for (let from = 0; from < length; from += most) await ranks.allReduce(all.subarray(from, from + most))
  at = 0
  for (const { name, data } of values) {
    await state.write(name, all.subarray(at, at + data.length))
    at += data.length
  }
}

const kinds = { Float32Array, Float64Array, Int32Array, Uint8Array } as const

const kindOf = (data: HostData): keyof typeof kinds => {
  if (data instanceof Float32Array) return "Float32Array"
  if (data instanceof Float64Array) return "Float64Array"
  return data instanceof Int32Array ? "Int32Array" : "Uint8Array"
}

/** What a run starts with. */
export interface Start {
  readonly step: number
  /** Whether the run begins with the evaluation of its last step. */
  readonly isEvaluationDue: boolean
  readonly values: Readonly<Record<string, HostData>>
}

/** The start of rank 0, on all ranks. */
export async function shareStart(ranks: Communicator, make: () => Start): Promise<Start> {
  const own = ranks.rank === 0 ? make() : undefined
  const named = Object.entries(own?.values ?? {})
  const header = named.map(([name, data]) => ({ name, kind: kindOf(data) }))
  const { step = 0, isEvaluationDue = false } = own ?? {}
  const [first] = await ranks.gather({ step, isEvaluationDue, header })
  const values: Record<string, HostData> = {}
  for (const { name, kind } of first?.header ?? []) {
    const data = own?.values[name]
    const bytes = await ranks.broadcast(data && new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    values[name] = data ?? new kinds[kind](bytes.slice().buffer)
  }
  return { step: first?.step ?? 0, isEvaluationDue: first?.isEvaluationDue ?? false, values }
}

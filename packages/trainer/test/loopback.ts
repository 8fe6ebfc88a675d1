import { type Communicator, treeFold } from "@vitrine/trainer"

/** What a rank called, with the bytes that it gave. */
export interface Call {
  readonly name: "allReduce" | "gather" | "broadcast" | "barrier"
  readonly bytes: number
}

interface Meeting {
  readonly promise: Promise<readonly unknown[]>
  resolve(all: readonly unknown[]): void
  reject(error: Error): void
}

function meetingOf(): Meeting {
  let [resolve, reject]: [Meeting["resolve"], Meeting["reject"]] = [() => {}, () => {}]
  const promise = new Promise<readonly unknown[]>((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}

/** Ranks in one thread, and what rank 0 called. */
export function loopback(size: number): { readonly ranks: readonly Communicator[]; readonly calls: Call[] } {
  const calls: Call[] = []
  let given: unknown[] = []
  let arrived = 0
  let meeting = meetingOf()
  const meet = async (rank: number, name: Call["name"], value: unknown, bytes = 0): Promise<readonly unknown[]> => {
    if (rank === 0) calls.push({ name, bytes })
    given[rank] = { name, value: structuredClone(value) }
    const { promise } = meeting
    if (++arrived === size) {
      const all = given as { readonly name: string; readonly value: unknown }[]
      if (all.some((each) => each.name !== name)) meeting.reject(new Error(`ranks call ${all.map((a) => a.name)}`))
      else meeting.resolve(all.map(({ value }) => value))
      ;[given, arrived, meeting] = [[], 0, meetingOf()]
    }
    return promise
  }
  const ranks = Array.from(
    { length: size },
    (_, rank): Communicator => ({
      rank,
      size,
      async allReduce(values) {
        const all = (await meet(rank, "allReduce", values, values.byteLength)) as readonly Float32Array[]
        values.set(treeFold(all, (a, b) => a.map((x, i) => x + (b[i] ?? Number.NaN))))
      },
      gather: async <T>(record: T) => (await meet(rank, "gather", record)) as readonly T[],
      broadcast: async (bytes) => (await meet(rank, "broadcast", bytes))[0] as Uint8Array,
      barrier: async () => void (await meet(rank, "barrier", undefined)),
    }),
  )
  return { ranks, calls }
}

/** When a tensor's memory is in use: from its first writer to its last reader, by number of the dispatch. */
export interface Lifetime {
  readonly tensor: number
  readonly bytes: number
  readonly from: number
  readonly to: number
}

export interface Placed {
  readonly arena: number
  readonly offset: number
}

export interface Memory {
  readonly places: ReadonlyMap<number, Placed>
  /** Bytes of each arena. */
  readonly arenas: readonly number[]
}

/** Bindings begin at multiples of this many bytes. */
export const alignment = 256
export const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

/**
 * Lays tensors out in few buffers so that none overlaps another one in time and in place. A kernel may not read one
 * part of a buffer and write another, so `apart` names pairs that must lie in different arenas. Larger tensors are
 * placed first, each at the lowest offset that is free while it lives.
 */
export function layOut(
  lifetimes: readonly Lifetime[],
  apart: ReadonlyMap<number, ReadonlySet<number>>,
  largest: number,
): Memory {
  const colours = new Map<number, number>()
  // In order of their first use neighbours are few, so that few colours are enough.
  for (const { tensor } of [...lifetimes].sort((a, b) => a.from - b.from)) {
    const taken = new Set([...(apart.get(tensor) ?? [])].map((other) => colours.get(other)))
    let colour = 0
    while (taken.has(colour)) colour++
    colours.set(tensor, colour)
  }
  const arenas: { colour: number; bytes: number; held: (Lifetime & { offset: number })[] }[] = []
  const places = new Map<number, Placed>()
  for (const life of [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.from - b.from)) {
    const colour = colours.get(life.tensor) as number
    const bytes = aligned(life.bytes)
    let number = 0
    let offset = 0
    for (; ; number++) {
      arenas[number] ??= { colour, bytes: 0, held: [] }
      const arena = arenas[number] as (typeof arenas)[number]
      if (arena.colour !== colour) continue
      offset = lowest(arena.held, life, bytes)
      if (arena.held.length === 0 || offset + bytes <= largest) break
    }
    const arena = arenas[number] as (typeof arenas)[number]
    arena.held.push({ ...life, bytes, offset })
    arena.bytes = Math.max(arena.bytes, offset + bytes)
    places.set(life.tensor, { arena: number, offset })
  }
  return { places, arenas: arenas.map(({ bytes }) => bytes) }
}

function lowest(held: readonly (Lifetime & { offset: number })[], life: Lifetime, bytes: number): number {
  const others = held.filter(({ from, to }) => from <= life.to && to >= life.from).sort((a, b) => a.offset - b.offset)
  let offset = 0
  for (const other of others) {
    if (offset + bytes <= other.offset) break
    offset = Math.max(offset, other.offset + other.bytes)
  }
  return offset
}

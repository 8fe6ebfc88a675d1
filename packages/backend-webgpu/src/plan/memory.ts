import type { Tensor } from "./tensor.ts"

/** When a tensor's memory is in use: from its first writer to its last reader, by number of the dispatch. */
export interface Lifetime {
  readonly tensor: Tensor
  readonly bytes: number
  readonly from: number
  readonly to: number
}

/** Where a tensor lies, in bytes from the beginning of an arena. */
export interface ArenaPlace {
  /** The number of the arena. */
  readonly arena: number
  readonly offset: number
}

export interface Memory {
  readonly places: ReadonlyMap<Tensor, ArenaPlace>
  /** Bytes of each arena. */
  readonly arenas: readonly number[]
}

interface Coloured extends Lifetime {
  readonly colour: number
}

interface Arena {
  readonly colour: number
  bytes: number
  readonly blocks: Block[]
}

interface Block extends Lifetime {
  readonly offset: number
}

/** Bindings begin at multiples of this many bytes. */
const alignment = 256
export const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

/**
 * Lays tensors out in a few buffers, the arenas, so that none overlaps another one in time and in place. A kernel may not
 * read one part of a buffer and write another, so `apart` holds the tensors that may not share an arena. Larger tensors
 * are placed first, each at the lowest offset that is free while it lives.
 */
export function layOut(
  lifetimes: readonly Lifetime[],
  apart: ReadonlyMap<Tensor, ReadonlySet<Tensor>>,
  largest: number,
): Memory {
  const arenas: Arena[] = []
  const places = new Map<Tensor, ArenaPlace>()
  for (const life of coloured(lifetimes, apart).sort((a, b) => b.bytes - a.bytes || a.from - b.from)) {
    const bytes = aligned(life.bytes)
    const [arena, offset] = roomFor(life, bytes, arenas, largest)
    arena.blocks.push({ ...life, bytes, offset })
    arena.bytes = Math.max(arena.bytes, offset + bytes)
    places.set(life.tensor, { arena: arenas.indexOf(arena), offset })
  }
  return { places, arenas: arenas.map(({ bytes }) => bytes) }
}

/** The first arena of a tensor's colour with room for it, and where. A new one is added to `arenas` where none has. */
function roomFor(life: Coloured, bytes: number, arenas: Arena[], largest: number): [Arena, number] {
  for (const arena of arenas) {
    if (arena.colour !== life.colour) continue
    const offset = lowestOffset(arena.blocks, life, bytes)
    if (offset + bytes <= largest) return [arena, offset]
  }
  const arena = { colour: life.colour, bytes: 0, blocks: [] }
  arenas.push(arena)
  return [arena, 0]
}

/** Gives tensors that must lie apart different colours. */
function coloured(lifetimes: readonly Lifetime[], apart: ReadonlyMap<Tensor, ReadonlySet<Tensor>>): Coloured[] {
  const colours = new Map<Tensor, number>()
  const colourOf = (tensor: Tensor): number => {
    const taken = new Set([...(apart.get(tensor) ?? [])].map((other) => colours.get(other)))
    let colour = 0
    while (taken.has(colour)) colour++
    colours.set(tensor, colour)
    return colour
  }
  // In the order of their first use tensors have few neighbours, so that a few colours are enough.
  const ordered = [...lifetimes].sort((a, b) => a.from - b.from)
  return ordered.map((life) => ({ ...life, colour: colourOf(life.tensor) }))
}

function lowestOffset(blocks: readonly Block[], life: Lifetime, bytes: number): number {
  const others = blocks.filter(({ from, to }) => from <= life.to && to >= life.from).sort((a, b) => a.offset - b.offset)
  let offset = 0
  for (const other of others) {
    if (offset + bytes <= other.offset) break
    offset = Math.max(offset, other.offset + other.bytes)
  }
  return offset
}

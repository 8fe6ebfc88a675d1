import type { Tensor } from "./tensor.ts"

/**
 * The time in which a tensor's memory is in use: from its first writer to its last reader, as indices of dispatches.
 */
export interface Lifetime {
  readonly tensor: Tensor
  readonly bytes: number
  readonly from: number
  readonly to: number
}

/** The place of a tensor in an arena, in bytes. */
export interface ArenaPlace {
  /** The index of the arena. */
  readonly arena: number
  readonly offset: number
}

export interface Memory {
  readonly places: ReadonlyMap<Tensor, ArenaPlace>
  /** The size of each arena in bytes. */
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

/** Bindings begin at multiples of this number of bytes. */
const alignment = 256
export const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

/**
 * Places tensors in a few buffers, the arenas. No two tensors may use the same bytes at the same time. A kernel may not
 * read one part of a buffer and write another, so `apart` holds the pairs of tensors that may not share an arena.
 * Larger tensors are placed first, each at the lowest offset that is free during its lifetime.
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

/**
 * The first arena of a tensor's colour with enough space, and the offset. If there is none, a new arena is added to
 * `arenas`.
 */
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

/** Gives different colours to tensors that may not share an arena. */
function coloured(lifetimes: readonly Lifetime[], apart: ReadonlyMap<Tensor, ReadonlySet<Tensor>>): Coloured[] {
  const colours = new Map<Tensor, number>()
  const colourOf = (tensor: Tensor): number => {
    const neighbourColours = new Set([...(apart.get(tensor) ?? [])].map((other) => colours.get(other)))
    let colour = 0
    while (neighbourColours.has(colour)) colour++
    colours.set(tensor, colour)
    return colour
  }
  // In the order of first use each tensor has few neighbours, so a few colours are enough.
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

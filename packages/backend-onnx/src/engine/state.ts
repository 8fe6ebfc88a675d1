import { type HostData, type State, type TensorType, VitrineError } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import { checkedElements, type Elements, zeros } from "./host.ts"

interface Slot {
  readonly type: TensorType
  /** Undefined for zeros that nobody has read. */
  current: Elements | undefined
  spare: Elements | undefined
}

/** Slots that share a buffer begin at multiples of this many elements, which is a line of the processor's caches. */
const alignment = 16

/** Where values of some lengths begin in a buffer, and the length of the buffer. */
export function offsetsOf(lengths: readonly number[]): { readonly offsets: readonly number[]; readonly end: number } {
  let end = 0
  const offsets = lengths.map((length) => {
    const offset = end
    end += Math.ceil(length / alignment) * alignment
    return offset
  })
  return { offsets, end }
}

/** Slots in host memory. Programs read `current`. They write it in place, or write `spare` and swap the two. */
export class HostState implements State {
  readonly slots: Readonly<Record<string, TensorType>>
  readonly #slots = new Map<string, Slot>()

  /** @param adopt whether the slots may use the given arrays as their memory, and write to them */
  constructor(
    slots: Readonly<Record<string, TensorType>>,
    data: Readonly<Record<string, HostData>> = {},
    adopt: boolean = false,
  ) {
    this.slots = slots
    const adopted = new Set<ArrayBuffer>()
    for (const name of Object.keys(data))
      if (!Object.hasOwn(slots, name)) throw new VitrineError("backend", `there is no state slot "${name}" to fill`)
    for (const [name, type] of Object.entries(slots)) {
      let current: Elements | undefined
      if (data[name] !== undefined) {
        const values = checkedElements(`state "${name}"`, type, data[name])
        current = adopt && !adopted.has(values.buffer) ? values : values.slice()
        adopted.add(values.buffer)
      }
      this.#slots.set(name, { type, current, spare: undefined })
    }
  }

  current(name: string): Elements {
    const slot = this.#slot(name)
    return (slot.current ??= zeros(slot.type))
  }

  /**
   * One buffer with the current values of float32 slots, one after the other. Slots that do not lie so are moved there
   * first.
   */
  buffer(names: readonly string[]): Float32Array<ArrayBuffer> {
    const slots = names.map((name) => this.#slot(name))
    const { offsets, end } = offsetsOf(slots.map(({ type }) => elementCount(type.shape)))
    const [first] = slots
    const memory = first?.current?.buffer
    const lies = (slot: Slot, i: number): boolean =>
      slot.current?.buffer === memory && slot.current?.byteOffset === 4 * (offsets[i] ?? 0)
    if (memory?.byteLength === 4 * end && slots.every(lies)) return new Float32Array(memory)
    const all = new Float32Array(end)
    for (const [i, slot] of slots.entries()) {
      const [from = 0, length] = [offsets[i], elementCount(slot.type.shape)]
      const part = all.subarray(from, from + length)
      if (slot.current !== undefined) part.set(slot.current)
      slot.current = part
      slot.spare = undefined
    }
    return all
  }

  /** A second buffer of a slot. It is written while the first is read. */
  spare(name: string): Elements {
    const slot = this.#slot(name)
    return (slot.spare ??= zeros(slot.type))
  }

  swap(name: string): void {
    const slot = this.#slot(name)
    if (slot.spare !== undefined) [slot.current, slot.spare] = [slot.spare, slot.current]
  }

  replace(name: string, data: Elements): void {
    this.#slot(name).current = data
  }

  clear(): void {
    for (const { current } of this.#slots.values()) current?.fill(0)
  }

  async read(name: string): Promise<HostData> {
    return this.current(name).slice()
  }

  async write(name: string, data: HostData): Promise<void> {
    const { type } = this.#slot(name)
    this.current(name).set(checkedElements(`state "${name}"`, type, data))
  }

  async dispose(): Promise<void> {
    this.#slots.clear()
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name)
    if (slot !== undefined) return slot
    const why = Object.hasOwn(this.slots, name) ? "the state has been disposed of" : "the state has no such slot"
    throw new VitrineError("backend", `state "${name}": ${why}`)
  }
}

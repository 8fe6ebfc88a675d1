import { type HostData, type State, type TensorType, VitrineError } from "@vitrine/core"
import { checkedElements, type Elements, zeros } from "./host.ts"

interface Slot {
  readonly type: TensorType
  current: Elements
  spare: Elements | undefined
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
      let current = zeros(type)
      if (data[name] !== undefined) {
        const values = checkedElements(`state "${name}"`, type, data[name])
        current = adopt && !adopted.has(values.buffer) ? values : values.slice()
        adopted.add(values.buffer)
      }
      this.#slots.set(name, { type, current, spare: undefined })
    }
  }

  current(name: string): Elements {
    return this.#slot(name).current
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
    for (const { current } of this.#slots.values()) current.fill(0)
  }

  async read(name: string): Promise<HostData> {
    return this.current(name).slice()
  }

  async write(name: string, data: HostData): Promise<void> {
    const { current, type } = this.#slot(name)
    current.set(checkedElements(`state "${name}"`, type, data))
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

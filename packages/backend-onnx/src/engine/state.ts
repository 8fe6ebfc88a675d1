import { type HostData, type State, type TensorType, VitrineError } from "@vitrine/core"
import { checked, type Elements, zeros } from "./host.ts"

/** Slots in host memory. Programs read `current` and write it, or write `spare` and swap. */
export class HostState implements State {
  readonly slots: Readonly<Record<string, TensorType>>
  readonly #held = new Map<string, { current: Elements; spare: Elements | undefined }>()

  /** `adopt`: the values may be kept, and written, where they are given. */
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
        const given = checked(`state "${name}"`, type, data[name])
        current = adopt && !adopted.has(given.buffer) ? given : given.slice()
        adopted.add(given.buffer)
      }
      this.#held.set(name, { current, spare: undefined })
    }
  }

  current(name: string): Elements {
    return this.#slot(name).current
  }

  /** A second buffer for a slot, to be written while the first is read. */
  spare(name: string): Elements {
    const slot = this.#slot(name)
    return (slot.spare ??= zeros(this.slots[name] as TensorType))
  }

  swap(name: string): void {
    const slot = this.#slot(name)
    if (slot.spare !== undefined) [slot.current, slot.spare] = [slot.spare, slot.current]
  }

  replace(name: string, data: Elements): void {
    this.#slot(name).current = data
  }

  /** Zeros in all slots. */
  clear(): void {
    for (const { current } of this.#held.values()) current.fill(0)
  }

  async read(name: string): Promise<HostData> {
    return this.current(name).slice()
  }

  async write(name: string, data: HostData): Promise<void> {
    const { current } = this.#slot(name)
    current.set(checked(`state "${name}"`, this.slots[name] as TensorType, data))
  }

  async dispose(): Promise<void> {
    this.#held.clear()
  }

  #slot(name: string): { current: Elements; spare: Elements | undefined } {
    const slot = this.#held.get(name)
    if (slot !== undefined) return slot
    const why = Object.hasOwn(this.slots, name) ? "the state has been disposed of" : "the state has no such slot"
    throw new VitrineError("backend", `state "${name}": ${why}`)
  }
}

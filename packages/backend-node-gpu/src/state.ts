import type { HostData, State, TensorType } from "@vitrine/core"
import { checkedData, elementCount } from "@vitrine/core/backend"
import type { Binding } from "./binding.ts"
import { backendName, download, fail, upload } from "./host.ts"

/** A session whose variables hold the values of slots. */
export interface Holder {
  /** Makes a tensor with the value of a variable and returns its number. The caller frees it. */
  fetch(name: string): number
}

/**
 * A slot of a state. Every session has its own variable for a slot, so a slot counts the versions of its value. A
 * program with an old version gets the newest before it runs. A program that writes the slot becomes the holder of the
 * newest version.
 */
export class Slot {
  readonly type: TensorType
  version = 0
  readonly #binding: Binding
  readonly #name: string
  /** The number of a tensor with the newest value, if no session holds that value. */
  #tensor: number | undefined
  #holder: Holder | undefined

  constructor(binding: Binding, name: string, type: TensorType, data: HostData) {
    this.#binding = binding
    this.#name = name
    this.type = type
    this.#tensor = upload(binding, data, type)
  }

  /** The number of a tensor with the newest value. The slot owns the tensor. */
  tensor(): number {
    this.#tensor ??= (this.#holder ?? fail("the state has been disposed of")).fetch(this.#name)
    return this.#tensor
  }

  read(): HostData {
    const hadTensor = this.#tensor !== undefined
    const data = download(this.#binding, this.tensor(), this.type)
    if (!hadTensor) this.#free()
    return data
  }

  replace(data: HostData): void {
    this.#free()
    this.#tensor = upload(this.#binding, data, this.type)
    this.#holder = undefined
    this.version++
  }

  /** Records that another session now holds the newest value. */
  shared(holder: Holder): void {
    this.#holder ??= holder
    this.#free()
  }

  /** Records that a session has written the newest value. */
  written(holder: Holder): void {
    this.#free()
    this.#holder = holder
    this.version++
  }

  /** Saves the newest value of a session that is about to lose its variables. */
  leave(holder: Holder): void {
    if (this.#holder !== holder) return
    this.tensor()
    this.#holder = undefined
  }

  dispose(): void {
    this.#free()
    this.#holder = undefined
  }

  #free(): void {
    if (this.#tensor !== undefined) this.#binding.deleteTensor(this.#tensor)
    this.#tensor = undefined
  }
}

/** A state of this backend. */
export interface Slots extends State {
  slot(name: string): Slot
}

export const isSlots = (state: State): state is Slots => "slot" in state

export function createSlots(
  binding: Binding,
  types: Readonly<Record<string, TensorType>>,
  data: Readonly<Record<string, HostData>>,
): Slots {
  for (const [name, values] of Object.entries(data))
    checkedData(
      backendName,
      `state "${name}"`,
      values,
      (Object.hasOwn(types, name) && types[name]) || fail(`no state slot "${name}"`),
    )
  const live = new Map(
    Object.entries(types).map(([name, type]) => [
      name,
      // TensorFlow does not copy the values, so the slot needs its own copy.
      new Slot(binding, name, type, data[name]?.slice() ?? new Float32Array(elementCount(type.shape))),
    ]),
  )
  let disposed = false
  const slot = (name: string): Slot => {
    if (disposed) return fail("the state has been disposed of")
    return live.get(name) ?? fail(`no state slot "${name}"`)
  }
  return {
    slots: types,
    slot,
    read: async (name) => slot(name).read(),
    write: async (name, values) => {
      const { type } = slot(name)
      slot(name).replace(checkedData(backendName, `state "${name}"`, values, type).slice())
    },
    dispose: async () => {
      disposed = true
      for (const each of live.values()) each.dispose()
      live.clear()
    },
  }
}

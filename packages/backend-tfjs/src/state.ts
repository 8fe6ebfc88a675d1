import type { HostData, State, TensorType } from "@vitrine/core"
import { checkedData, elementCount } from "@vitrine/core/backend"
import type { Tensor } from "@tensorflow/tfjs-core"
import { download, fail, type TensorFlow, upload } from "./host.ts"

/**
 * A state whose slots are tensors. `put` replaces a slot's tensor, which the state then owns, and disposes of the old
 * one.
 */
export interface TfjsState extends State {
  readonly tensors: ReadonlyMap<string, Tensor>
  put(name: string, t: Tensor): void
}

export function isTfjsState(state: State): state is TfjsState {
  return "tensors" in state && "put" in state
}

export function makeState(
  tf: TensorFlow,
  slots: Readonly<Record<string, TensorType>>,
  data: Readonly<Record<string, HostData>>,
): TfjsState {
  const slotType = (name: string): TensorType =>
    (Object.hasOwn(slots, name) ? slots[name] : undefined) ?? fail(`no state slot "${name}"`)
  for (const [name, values] of Object.entries(data)) checkedData("tfjs", `state "${name}"`, values, slotType(name))

  const tensors = new Map<string, Tensor>()
  let disposed = false
  const put = (name: string, t: Tensor): void => {
    tensors.get(name)?.dispose()
    tensors.set(name, tf.keep(t))
  }
  for (const [name, type] of Object.entries(slots))
    put(name, upload(tf, data[name] ?? new Float32Array(elementCount(type.shape)), type))
  const live = (name: string): void => {
    slotType(name)
    if (disposed) fail("the state has been disposed of")
  }
  return {
    slots,
    tensors,
    put,
    read: async (name) => {
      live(name)
      // The clone keeps the values alive if an update replaces the tensor during the transfer.
      const view = tf.clone(tensors.get(name) ?? fail("the state has been disposed of"))
      try {
        return await download(view)
      } finally {
        view.dispose()
      }
    },
    write: async (name, values) => {
      live(name)
      put(name, upload(tf, checkedData("tfjs", `state "${name}"`, values, slotType(name)), slotType(name)))
    },
    dispose: async () => {
      disposed = true
      for (const t of tensors.values()) t.dispose()
      tensors.clear()
    },
  }
}

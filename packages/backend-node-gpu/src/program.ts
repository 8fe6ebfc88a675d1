import {
  type CompileOptions,
  dropoutMask,
  elementCount,
  foldKey,
  type Graph,
  type HostData,
  type HostTensor,
  type Program,
  sameShape,
  type State,
  showShape,
  type TensorType,
} from "@vitrine/core"
import type { Binding, TensorInfo } from "./binding.ts"
import { checked, download, fail, readSlices, upload } from "./host.ts"
import type { MatMulPrecision } from "./kernels.ts"
import { openSession } from "./session.ts"
import { type Holder, isSlots, type Slot } from "./state.ts"
import { type Mask, toTensorFlow, type Variable } from "./to-tensorflow.ts"

/** A tensor of TensorFlow.js, as far as it is used here. */
export interface NodeTensor {
  readonly shape: readonly number[]
  readonly dtype: string
}

/** `tf.backend()` of tfjs-node or tfjs-node-gpu. */
export interface NodeBackend<T extends NodeTensor> {
  readonly binding: Binding
  getInputTensorIds(tensors: readonly T[]): number[]
  createOutputTensor(info: TensorInfo): T
}

export interface TensorFlowProgram extends Program {
  /**
   * `run` on tensors of the tfjs-node program that loaded the addon, which reads them where they lie and whose outputs
   * become tensors that the caller disposes of.
   * @throws VitrineError (backend) for a missing or ill-shaped input, or a tfjs-node with another addon.
   */
  runTensors<T extends NodeTensor>(
    tf: NodeBackend<T>,
    inputs: Readonly<Record<string, T>>,
    state?: State,
  ): Readonly<Record<string, T>>
}

export function compile(
  binding: Binding,
  source: Graph,
  { batch, constants = {} }: CompileOptions,
  precision: MatMulPrecision,
): TensorFlowProgram {
  const g = toTensorFlow(source, { batch, precision, constants: new Set(Object.keys(constants)) })
  for (const name of Object.keys(constants))
    if (g.updated.includes(name)) fail(`constant "${name}" is updated by the graph: make it a state`)
  const session = openSession(binding, g.nodes)
  /** Which version of which slot each variable holds. */
  const held = new Map<string, { readonly slot: Slot; readonly version: number }>()
  const variable = (name: string): Variable => g.variables[name] as Variable
  let closed = false

  const free = (infos: readonly TensorInfo[]): void => {
    for (const { id } of infos) binding.deleteTensor(id)
  }

  for (const [name, data] of Object.entries(constants)) {
    const slot = g.variables[name]
    if (slot === undefined) continue
    const values = data instanceof Float32Array ? data : readSlices(data)
    try {
      const id = upload(binding, checked(`constant "${name}"`, values, slot.type), slot.type)
      free(session.run([[slot.value, id]], [slot.written]))
      binding.deleteTensor(id)
    } catch (error) {
      session.close()
      throw error
    }
  }
  const slots = Object.entries(g.variables).filter(([name]) => !Object.hasOwn(constants, name))

  const holder: Holder = {
    fetch: (name) => {
      const [info] = session.run([], [variable(name).read])
      return (info as TensorInfo).id
    },
  }

  /** Gives the variables the newest values of the state. */
  const refresh = (state: State | undefined): void => {
    if (slots.length === 0) return
    if (state !== undefined && !isSlots(state)) return fail("the state was made by another backend")
    const stale: (readonly [string, number])[] = []
    const signals: string[] = []
    for (const [name, { type, value, written }] of slots) {
      const slot = state?.slot(name) ?? fail(`no state slot "${name}"`)
      if (!sameShape(slot.type.shape, type.shape) || slot.type.dtype !== type.dtype)
        fail(
          `state "${name}" is ${slot.type.dtype}${showShape(slot.type.shape)}, the graph wants ${type.dtype}${showShape(type.shape)}`,
        )
      const known = held.get(name)
      if (known?.slot === slot && known.version === slot.version) continue
      if (known !== undefined && known.slot !== slot) known.slot.leave(holder)
      stale.push([value, slot.tensor()])
      signals.push(written)
    }
    if (stale.length === 0) return
    free(session.run(stale, signals))
    for (const [name] of slots) {
      const slot = (state as { slot(name: string): Slot }).slot(name)
      slot.shared(holder)
      held.set(name, { slot, version: slot.version })
    }
  }

  const names = Object.keys(g.outputs)
  const wanted = [...Object.values(g.outputs).map(({ node }) => node), ...(g.done ? [g.done] : [])]
  const outputType = (name: string): TensorType => (g.outputs[name] as { type: TensorType }).type

  /** Runs on tensors, and gives those of the outputs. */
  const compute = (given: readonly Given[], state: State | undefined): TensorInfo[] => {
    if (closed) return fail("the program has been disposed of")
    refresh(state)
    const made = wanted.length === 0 ? [] : session.run(given, wanted)
    if (g.done) free(made.splice(-1))
    for (const name of g.updated) {
      const { slot } = held.get(name) as { slot: Slot }
      slot.written(holder)
      held.set(name, { slot, version: slot.version })
    }
    return made
  }

  return {
    run: async (inputs, state) => {
      for (const [name, { type }] of Object.entries(g.inputs)) checked(`input "${name}"`, inputs[name], type)
      const given = Object.entries(g.inputs).map(
        ([name, { node, type }]): Given => [node, upload(binding, inputs[name] as HostData, type)],
      )
      for (const mask of g.masks) given.push([mask.node, upload(binding, draw(mask, inputs), maskType(mask))])
      let made: TensorInfo[] = []
      try {
        made = compute(given, state)
        return Object.fromEntries(
          names.map((name, i): [string, HostTensor] => {
            const type = outputType(name)
            const data = download(binding, (made[i] as TensorInfo).id, type)
            return [name, { data, shape: type.shape as number[] }]
          }),
        )
      } finally {
        free(made)
        for (const [, id] of given) binding.deleteTensor(id)
      }
    },
    runTensors: (tf, inputs, state) => {
      if (tf.binding !== binding)
        fail("the tensors belong to another addon: make the backend with tf.backend().binding")
      if (g.masks.length > 0) fail("a graph with dropout takes its key from the host: use run")
      const given = Object.entries(g.inputs).map(([name, { node, type }]): Given => {
        const tensor = inputs[name] ?? fail(`input "${name}" is missing`)
        if (tensor.dtype !== type.dtype || !sameShape(tensor.shape, type.shape))
          fail(
            `input "${name}" is ${tensor.dtype}${showShape(tensor.shape)}, the graph wants ${type.dtype}${showShape(type.shape)}`,
          )
        return [node, tf.getInputTensorIds([tensor])[0] as number]
      })
      const made = compute(given, state)
      return Object.fromEntries(names.map((name, i) => [name, tf.createOutputTensor(made[i] as TensorInfo)]))
    },
    dispose: async () => {
      if (closed) return
      closed = true
      for (const { slot } of held.values()) slot.leave(holder)
      held.clear()
      session.close()
    },
  }
}

/** A node that takes a value, and the number of the tensor. */
type Given = readonly [node: string, id: number]

const maskType = ({ shape }: Mask): TensorType => ({ shape, dtype: "float32" })

function draw({ key, path, rate, shape }: Mask, inputs: Readonly<Record<string, HostData>>): Float32Array {
  const words = inputs[key] as HostData
  const mask = new Float32Array(elementCount(shape))
  dropoutMask(foldKey([(words[0] as number) >>> 0, (words[1] as number) >>> 0], path), rate, mask)
  return mask
}

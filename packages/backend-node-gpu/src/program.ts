import {
  type CompileOptions,
  type Graph,
  type HostData,
  type HostTensor,
  type Program,
  type Shape,
  type State,
  type TensorType,
} from "@vitrine/core"
import { checkedData, drawDropoutMask, elementCount, sameShape, showShape } from "@vitrine/core/backend"
import type { Binding, TensorInfo } from "./binding.ts"
import { backendName, download, fail, readSlices, upload } from "./host.ts"
import type { MatMulPrecision } from "./kernel.ts"
import { type Feed, openSession } from "./session.ts"
import { type Holder, isSlots, type Slot, type Slots } from "./state.ts"
import { type Mask, toTensorFlow, type Variable } from "./to-tensorflow.ts"

/** The properties that the backend reads of a TensorFlow.js tensor. */
export interface NodeTensor {
  readonly shape: readonly number[]
  readonly dtype: string
}

/** The functions that the backend uses of `tf.backend()` of tfjs-node or tfjs-node-gpu. */
export interface NodeBackend<T extends NodeTensor> {
  readonly binding: Binding
  getInputTensorIds(tensors: readonly T[]): number[]
  createOutputTensor(info: TensorInfo): T
}

/** A compiled graph that also takes and gives tensors of tfjs-node. */
export interface TensorFlowProgram extends Program {
  /**
   * `run` for tensors of the tfjs-node that loaded the addon. Inputs are read in place. Outputs are new tensors, and
   * the caller disposes of them.
   * @throws VitrineError (backend) for a missing or ill-shaped input, or a tfjs-node with another addon.
   */
  runTensors<T extends NodeTensor>(
    tf: NodeBackend<T>,
    inputs: Readonly<Record<string, T>>,
    state?: State,
  ): Readonly<Record<string, T>>
}

/** A slot, and the version of its value that a variable holds. */
interface SlotVersion {
  readonly slot: Slot
  readonly version: number
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
  let closed = false
  const free = (tensors: readonly TensorInfo[]): void => {
    for (const { id } of tensors) binding.deleteTensor(id)
  }

  for (const [name, data] of Object.entries(constants)) {
    const variable = g.variables[name]
    if (variable === undefined) continue
    const values = data instanceof Float32Array ? data : readSlices(data)
    try {
      const id = upload(binding, checkedData(backendName, `constant "${name}"`, values, variable.type), variable.type)
      free(session.run([[variable.value, id]], [variable.written]))
      binding.deleteTensor(id)
    } catch (error) {
      session.close()
      throw error
    }
  }
  const slotVariables = Object.entries(g.variables).filter(([name]) => !Object.hasOwn(constants, name))

  const holder: Holder = {
    fetch: (name) => {
      const variable = g.variables[name] ?? fail(`the program has no state "${name}"`)
      const [info] = session.run([], [variable.read])
      return info?.id ?? fail(`TensorFlow gives no value for state "${name}"`)
    },
  }
  const versions = new Map<string, SlotVersion>()

  /** Assigns the newest values of the state to the variables. */
  const refresh = (slots: Slots | undefined): void => {
    const stale: { readonly name: string; readonly slot: Slot; readonly variable: Variable }[] = []
    for (const [name, variable] of slotVariables) {
      const slot = slots?.slot(name) ?? fail(`no state slot "${name}"`)
      checkType(`state "${name}"`, slot.type, variable.type)
      const bound = versions.get(name)
      if (bound?.slot === slot && bound.version === slot.version) continue
      if (bound !== undefined && bound.slot !== slot) bound.slot.leave(holder)
      stale.push({ name, slot, variable })
    }
    if (stale.length === 0) return
    const feeds = stale.map(({ slot, variable }): Feed => [variable.value, slot.tensor()])
    free(
      session.run(
        feeds,
        stale.map(({ variable }) => variable.written),
      ),
    )
    for (const [name] of slotVariables) {
      const slot = slots?.slot(name) ?? fail(`no state slot "${name}"`)
      slot.shared(holder)
      versions.set(name, { slot, version: slot.version })
    }
  }

  const outputs = Object.entries(g.outputs)
  const fetches = [...outputs.map(([, { node }]) => node), ...(g.done ? [g.done] : [])]

  /** Runs on tensors and returns the tensors of the outputs. */
  const compute = (feeds: readonly Feed[], state: State | undefined): TensorInfo[] => {
    if (closed) return fail("the program has been disposed of")
    if (slotVariables.length > 0) {
      if (state !== undefined && !isSlots(state)) return fail("the state was made by another backend")
      refresh(state)
    }
    const results = fetches.length === 0 ? [] : session.run(feeds, fetches)
    if (g.done) free(results.splice(-1))
    for (const name of g.updated) {
      const { slot } = versions.get(name) ?? fail(`no state slot "${name}"`)
      slot.written(holder)
      versions.set(name, { slot, version: slot.version })
    }
    return results
  }

  return {
    run: async (inputs, state) => {
      const data = Object.entries(g.inputs).map(([name, { node, type }]) => {
        return { node, type, values: checkedData(backendName, `input "${name}"`, inputs[name], type) }
      })
      const feeds = data.map(({ node, type, values }): Feed => [node, upload(binding, values, type)])
      for (const mask of g.masks)
        feeds.push([mask.node, upload(binding, draw(mask, inputs), { shape: mask.shape, dtype: "float32" })])
      let results: readonly TensorInfo[] = []
      try {
        results = compute(feeds, state)
        return Object.fromEntries(
          outputs.map(([name, { type }], i): [string, HostTensor] => {
            const { id } = results[i] ?? fail(`TensorFlow gives no value for output "${name}"`)
            return [name, { data: download(binding, id, type), shape: type.shape }]
          }),
        )
      } finally {
        free(results)
        for (const [, id] of feeds) binding.deleteTensor(id)
      }
    },
    runTensors: (tf, inputs, state) => {
      if (tf.binding !== binding)
        fail("the tensors belong to another addon: make the backend with tf.backend().binding")
      if (g.masks.length > 0) fail("a graph with dropout takes its key from the host: use run")
      const feeds = Object.entries(g.inputs).map(([name, { node, type }]): Feed => {
        const tensor = inputs[name] ?? fail(`input "${name}" is missing`)
        checkType(`input "${name}"`, tensor, type)
        const [id] = tf.getInputTensorIds([tensor])
        return [node, id ?? fail(`tfjs-node gives no tensor for input "${name}"`)]
      })
      const results = compute(feeds, state)
      return Object.fromEntries(
        outputs.map(([name], i) => {
          const info = results[i] ?? fail(`TensorFlow gives no value for output "${name}"`)
          return [name, tf.createOutputTensor(info)]
        }),
      )
    },
    dispose: async () => {
      if (closed) return
      closed = true
      for (const { slot } of versions.values()) slot.leave(holder)
      versions.clear()
      session.close()
    },
  }
}

/** @throws VitrineError (backend) if the shape or dtype differs from the graph's. */
function checkType(
  name: string,
  actual: { readonly shape: Shape; readonly dtype: string },
  expected: TensorType,
): void {
  if (actual.dtype !== expected.dtype || !sameShape(actual.shape, expected.shape))
    fail(
      `${name} is ${actual.dtype}${showShape(actual.shape)}, the graph wants ${expected.dtype}${showShape(expected.shape)}`,
    )
}

function draw(mask: Mask, inputs: Readonly<Record<string, HostData>>): Float32Array {
  const words = inputs[mask.key] ?? fail(`dropout "${mask.path}" has no key`)
  const values = new Float32Array(elementCount(mask.shape))
  drawDropoutMask(words, mask, values)
  return values
}

import type { Backend, CompileOptions, Graph, HostData, HostTensor, Program, State, TensorType } from "@vitrine/core"
import {
  bindBatch,
  checkedData,
  drawDropoutMask,
  dropoutKey,
  elementCount,
  type GraphNode,
  interpret,
  type Kernels,
  lower,
  type OpName,
  sameShape,
  showShape,
  typeOf,
} from "@vitrine/core/backend"
import type { Tensor } from "@tensorflow/tfjs-core"
import { dims, download, fail, type TensorFlow, tfjsDType, upload } from "./host.ts"
import { kernelsOf } from "./kernels.ts"
import { isTfjsState, makeState } from "./state.ts"

/**
 * A backend that runs graphs op by op on the current device of a TensorFlow.js instance. Set the device with
 * `tf.setBackend` before the first graph is compiled. Graphs already contain gradients, so devices need no gradient
 * kernels. `close` does not change the instance.
 */
export function tfjsBackend(tf: TensorFlow): Backend {
  const kernels = kernelsOf(tf)
  return {
    name: "tfjs",
    get device() {
      return tf.getBackend()
    },
    compile: async (source, options = {}) => {
      await tf.ready()
      return compile(tf, kernels, source, options)
    },
    createState: async (slots, data = {}) => {
      await tf.ready()
      checkDTypes(Object.values(slots))
      return makeState(tf, slots, data)
    },
    close: async () => {},
  }
}

function checkDTypes(types: readonly TensorType[]): void {
  for (const { dtype } of types) tfjsDType(dtype)
}

function compile(
  tf: TensorFlow,
  table: Kernels<Tensor>,
  source: Graph,
  { batch, constants = {} }: CompileOptions,
): Program {
  const supports = (op: OpName): boolean => op === "dropoutMask" || op in table
  const g = bindBatch(lower(source, supports), batch)
  checkDTypes(g.values)
  const masks = g.nodes.filter((node): node is GraphNode<"dropoutMask"> => node.op === "dropoutMask")
  const keys = new Map(masks.map((node) => [node.outputs[0], dropoutKey(g, node)]))

  const fixed: Record<string, Tensor> = {}
  for (const [name, value] of Object.entries(g.states)) {
    const data = constants[name]
    if (data === undefined) continue
    if (!(data instanceof Float32Array)) return fail(`constant "${name}" must be given as values, not as a file`)
    if (Object.hasOwn(g.updates, name)) fail(`constant "${name}" is updated by the graph: make it a state`)
    const type = typeOf(g, value)
    fixed[name] = tf.keep(upload(tf, checkedData("tfjs", `constant "${name}"`, data, type), type))
  }
  let disposed = false

  const statesOf = (state: State | undefined): Record<string, Tensor> => {
    if (state !== undefined && !isTfjsState(state)) return fail("the state was made by another backend")
    const slotType = (name: string): TensorType =>
      (state && Object.hasOwn(state.slots, name) ? state.slots[name] : undefined) ?? fail(`no state slot "${name}"`)
    const tensors: Record<string, Tensor> = { ...fixed }
    for (const [name, value] of Object.entries({ ...g.updates, ...g.states })) {
      if (Object.hasOwn(fixed, name)) continue
      const [slot, expected] = [slotType(name), typeOf(g, value)]
      if (!sameShape(slot.shape, expected.shape) || slot.dtype !== expected.dtype)
        fail(
          `state "${name}" is ${slot.dtype}${showShape(slot.shape)}, the graph wants ${expected.dtype}${showShape(expected.shape)}`,
        )
      tensors[name] = state?.tensors.get(name) ?? fail("the state has been disposed of")
    }
    return tensors
  }

  const run = async (
    inputs: Readonly<Record<string, HostData>>,
    state?: State,
  ): Promise<Readonly<Record<string, HostTensor>>> => {
    if (disposed) fail("the program has been disposed of")
    const data = Object.entries(g.inputs).map(([name, value]) => {
      const type = typeOf(g, value)
      return { name, type, values: checkedData("tfjs", `input "${name}"`, inputs[name], type) }
    })
    const states = statesOf(state)
    const uploaded = Object.fromEntries(data.map(({ name, type, values }) => [name, upload(tf, values, type)]))
    const kernels: Kernels<Tensor> = { ...table, dropoutMask: dropoutKernel(tf, keys, inputs) }
    const { outputs, updates } = interpret(g, kernels, uploaded, states, (t) => t.dispose())

    // Until the first await no other code runs. So two simultaneous runs see either all updates of each other or none.
    const borrowed = new Set(Object.values(states))
    const results = Object.entries(outputs).map(([name, t]) => ({ name, t: tf.clone(t) }))
    const next = Object.entries(updates).map(([name, t]) => ({ name, t: tf.clone(t) }))
    const temporaries = [...Object.values(outputs), ...Object.values(updates), ...Object.values(uploaded)]
    for (const t of new Set(temporaries)) if (!borrowed.has(t)) t.dispose()
    if (state !== undefined && isTfjsState(state)) for (const { name, t } of next) state.put(name, t)
    try {
      const downloads = results.map(
        async ({ name, t }): Promise<[string, HostTensor]> => [name, { data: await download(t), shape: t.shape }],
      )
      return Object.fromEntries(await Promise.all(downloads))
    } finally {
      tf.dispose(results.map(({ t }) => t))
    }
  }

  return {
    run,
    dispose: async () => {
      disposed = true
      tf.dispose(fixed)
    },
  }
}

/**
 * Draws dropout masks on the host, which knows the words of the keys.
 * @param keys the input that holds the key of each mask
 */
function dropoutKernel(
  tf: TensorFlow,
  keys: ReadonlyMap<number, string>,
  inputs: Readonly<Record<string, HostData>>,
): NonNullable<Kernels<Tensor>["dropoutMask"]> {
  return (_, { attributes, outputs: [value] }, [type]) => {
    const words = inputs[keys.get(value) ?? ""] ?? fail(`dropout "${attributes.path}" has no key`)
    const mask = new Float32Array(elementCount(type.shape))
    drawDropoutMask(words, attributes, mask)
    return [tf.tensor(mask, dims(type))]
  }
}

import {
  type Backend,
  bindBatch,
  type CompileOptions,
  dropoutMask,
  elementCount,
  foldKey,
  type Graph,
  type HostData,
  type HostTensor,
  interpret,
  type Kernels,
  lower,
  type OpName,
  type Program,
  sameShape,
  type State,
  showShape,
  type TensorType,
} from "@vitrine/core"
import type { Tensor } from "@tensorflow/tfjs-core"
import { checked, download, fail, type TensorFlow, upload } from "./host.ts"
import { kernelsOf } from "./kernels.ts"
import { isTfjsState, makeState } from "./state.ts"

/**
 * Runs graphs op by op on a TensorFlow.js instance, on whichever device is its current one: set that with
 * `tf.setBackend` before anything is compiled. Gradients are the graph's own, so devices need no gradient kernels.
 * The instance stays the caller's: `close` leaves it as it is.
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
  const found = types.find(({ dtype }) => dtype === "float16" || dtype === "bfloat16")
  if (found) fail(`it has no ${found.dtype} tensors; keep this graph in float32`)
}

function compile(
  tf: TensorFlow,
  table: Kernels<Tensor>,
  source: Graph,
  { batch, constants = {} }: CompileOptions,
): Program {
  const supports = (op: OpName): boolean => op === "dropoutMask" || op in table
  const g = lower(bindBatch(source, batch), supports)
  checkDTypes(g.values)
  const typeOf = (value: number): TensorType => g.values[value] as TensorType
  const keys = dropoutKeys(g)

  const baked: Record<string, Tensor> = {}
  for (const [name, value] of Object.entries(g.states)) {
    const data = constants[name]
    if (data === undefined) continue
    if (!(data instanceof Float32Array)) return fail(`constant "${name}" must be given as values, not as a file`)
    if (Object.hasOwn(g.updates, name)) fail(`constant "${name}" is updated by the graph: make it a state`)
    baked[name] = tf.keep(upload(tf, checked(`constant "${name}"`, data, typeOf(value)), typeOf(value)))
  }
  let disposed = false

  const statesOf = (state: State | undefined): Record<string, Tensor> => {
    if (state !== undefined && !isTfjsState(state)) return fail("the state was made by another backend")
    const slotType = (name: string): TensorType =>
      (state && Object.hasOwn(state.slots, name) ? state.slots[name] : undefined) ?? fail(`no state slot "${name}"`)
    const found: Record<string, Tensor> = { ...baked }
    for (const [name, value] of Object.entries({ ...g.updates, ...g.states })) {
      if (Object.hasOwn(baked, name)) continue
      const [slot, wanted] = [slotType(name), typeOf(value)]
      if (!sameShape(slot.shape, wanted.shape) || slot.dtype !== wanted.dtype)
        fail(
          `state "${name}" is ${slot.dtype}${showShape(slot.shape)}, the graph wants ${wanted.dtype}${showShape(wanted.shape)}`,
        )
      found[name] = state?.tensors.get(name) ?? fail("the state has been disposed of")
    }
    return found
  }

  const run = async (
    inputs: Readonly<Record<string, HostData>>,
    state?: State,
  ): Promise<Readonly<Record<string, HostTensor>>> => {
    if (disposed) fail("the program has been disposed of")
    const names = Object.keys(g.inputs)
    for (const name of names) checked(`input "${name}"`, inputs[name], typeOf(g.inputs[name] as number))
    const states = statesOf(state)
    const given = Object.fromEntries(
      names.map((name) => [name, upload(tf, inputs[name] as HostData, typeOf(g.inputs[name] as number))]),
    )
    const kernels = { ...table, dropoutMask: dropoutKernel(tf, keys, inputs) }
    const made = interpret(g, kernels, given, states, (t) => t.dispose())

    // From here to the first await nothing else runs: two runs at once see each other's updates whole or not at all.
    const borrowed = new Set(Object.values(states))
    const results = Object.values(made.outputs).map((t) => tf.clone(t))
    const next = Object.entries(made.updates).map(([name, t]) => [name, tf.clone(t)] as const)
    const own = [...Object.values(made.outputs), ...Object.values(made.updates), ...Object.values(given)]
    for (const t of new Set(own)) if (!borrowed.has(t)) t.dispose()
    if (state !== undefined && isTfjsState(state)) for (const [name, t] of next) state.put(name, t)
    try {
      const data = await Promise.all(results.map(download))
      return Object.fromEntries(
        Object.keys(made.outputs).map((name, i): [string, HostTensor] => [
          name,
          { data: data[i] as HostData, shape: (results[i] as Tensor).shape },
        ]),
      )
    } finally {
      tf.dispose(results)
    }
  }

  return {
    run,
    dispose: async () => {
      disposed = true
      tf.dispose(baked)
    },
  }
}

/** Which input holds the key of each dropout mask: masks are made on the host, where its words are known. */
function dropoutKeys(g: Graph): ReadonlyMap<number, string> {
  const names = new Map(Object.entries(g.inputs).map(([name, value]) => [value, name]))
  for (const { op, inputs } of g.nodes)
    if (op === "dropoutMask" && !names.has(inputs[0] as number)) fail("the key of a dropout mask must be an input")
  return names
}

function dropoutKernel(
  tf: TensorFlow,
  keys: ReadonlyMap<number, string>,
  inputs: Readonly<Record<string, HostData>>,
): NonNullable<Kernels<Tensor>["dropoutMask"]> {
  return (_, node, [type]) => {
    const { path, rate } = node.attributes
    const words = inputs[keys.get(node.inputs[0] as number) as string] as HostData
    const { shape } = type as TensorType
    const mask = new Float32Array(elementCount(shape))
    dropoutMask(foldKey([(words[0] as number) >>> 0, (words[1] as number) >>> 0], path), rate, mask)
    return tf.tensor(mask, shape as number[])
  }
}

import {
  type Backend,
  type CompileOptions,
  type Graph,
  type HostData,
  type HostTensor,
  type Program,
  type State,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import { bindBatch, checkedData, elementCount, interpret, lower, typeOf, type ValueId } from "@vitrine/core/backend"
import { kernels, supports } from "./kernels.ts"

/** The reference backend: plain TypeScript in float64, slow and exact. Outputs and states are Float64Arrays. */
export function referenceBackend(): Backend {
  return { name: "reference", device: "float64, plain TypeScript", compile, createState, close: async () => {} }
}

async function compile(source: Graph, { batch, constants = {} }: CompileOptions = {}): Promise<Program> {
  const g = bindBatch(lower(source, supports), batch)
  /** Checks the data of some leaves and converts them to float64. */
  const dataOf = (
    kind: string,
    leaves: Readonly<Record<string, ValueId>>,
    data: (name: string) => HostData | undefined,
  ): Record<string, Float64Array> =>
    Object.fromEntries(
      Object.entries(leaves).map(([name, value]) => [name, float64(`${kind} "${name}"`, data(name), typeOf(g, value))]),
    )
  const constantStates = Object.fromEntries(Object.entries(g.states).filter(([name]) => constants[name] !== undefined))
  const fixed = dataOf("constant", constantStates, (name) => {
    const values = constants[name]
    if (!(values instanceof Float32Array))
      throw new VitrineError("backend", `reference: constant "${name}" must be given as values, not as a file`)
    return values
  })
  return {
    run: async (inputs, state) => {
      const inputData = dataOf("input", g.inputs, (name) => inputs[name])
      const slots = state && slotsOfStates.get(state)
      const stateData = dataOf("state", g.states, (name) => fixed[name] ?? slots?.get(name))
      for (const name of Object.keys(g.updates))
        if (!slots?.has(name)) throw new VitrineError("backend", `reference: no state slot "${name}" to update`)
      const { outputs, updates } = interpret(g, kernels, inputData, stateData, () => {})
      for (const [name, data] of Object.entries(updates)) slots?.set(name, data.slice())
      return Object.fromEntries(
        Object.entries(outputs).map(([name, data]): [string, HostTensor] => [
          name,
          { data: data.slice(), shape: typeOf(g, g.outputs[name] ?? -1).shape },
        ]),
      )
    },
    dispose: async () => {},
  }
}

/**
 * Computes a graph without inputs immediately.
 * @param states the values of all states of the graph
 */
export function evaluateGraph(
  g: Graph,
  states: Readonly<Record<string, HostData>>,
): Readonly<Record<string, Float64Array>> {
  const program = bindBatch(lower(g, supports), undefined)
  const values = Object.entries(program.states).map(([name, value]): [string, Float64Array] => [
    name,
    float64(`state "${name}"`, states[name], typeOf(program, value)),
  ])
  return interpret(program, kernels, {}, Object.fromEntries(values), () => {}).outputs
}

/**
 * The data in float64.
 * @throws VitrineError (backend) if there are none, or another number than the shape holds
 */
function float64(name: string, data: HostData | undefined, type: TensorType): Float64Array {
  const values = checkedData("reference", name, data, type)
  return values instanceof Float64Array ? values : Float64Array.from(values)
}

/** The slots of the states that this backend has made. */
const slotsOfStates = new WeakMap<State, Map<string, Float64Array>>()

async function createState(
  types: Readonly<Record<string, TensorType>>,
  data: Readonly<Record<string, HostData>> = {},
): Promise<State> {
  const slots = new Map<string, Float64Array>()
  const slotType = (name: string): TensorType => {
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    if (type === undefined) throw new VitrineError("backend", `reference: no state slot "${name}"`)
    return type
  }
  const write = (name: string, values: HostData): void =>
    void slots.set(name, float64(`state "${name}"`, values, slotType(name)).slice())
  for (const [name, { shape }] of Object.entries(types)) slots.set(name, new Float64Array(elementCount(shape)))
  for (const [name, values] of Object.entries(data)) write(name, values)
  const state: State = {
    slots: types,
    read: async (name) => {
      slotType(name)
      const values = slots.get(name)
      if (values === undefined) throw new VitrineError("backend", "reference: the state has been disposed of")
      return values.slice()
    },
    write: async (name, values) => write(name, values),
    dispose: async () => slots.clear(),
  }
  slotsOfStates.set(state, slots)
  return state
}

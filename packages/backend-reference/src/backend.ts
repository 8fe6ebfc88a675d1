import {
  type Backend,
  bindBatch,
  type CompileOptions,
  elementCount,
  type Graph,
  type HostData,
  type HostTensor,
  interpret,
  lower,
  type Program,
  type State,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import { kernels, supports } from "./kernels.ts"

/** The reference backend: plain TypeScript in float64, slow and exact. Outputs and states are Float64Arrays. */
export function referenceBackend(): Backend {
  return { name: "reference", device: "float64, plain TypeScript", compile, createState, close: async () => {} }
}

async function compile(source: Graph, { batch, constants = {} }: CompileOptions = {}): Promise<Program> {
  const program = lower(bindBatch(source, batch), supports)
  const fixed = new Map<string, Float64Array>()
  for (const [name, value] of Object.entries(program.states)) {
    const data = constants[name]
    if (data === undefined) continue
    if (!(data instanceof Float32Array))
      throw new VitrineError("backend", `reference: constant "${name}" must be given as values, not as a file`)
    fixed.set(name, checked(`constant "${name}"`, data, program.values[value] as TensorType))
  }
  return {
    run: async (inputs, state) => {
      const given = Object.fromEntries(
        Object.entries(program.inputs).map(([name, value]) => [
          name,
          checked(`input "${name}"`, inputs[name], program.values[value] as TensorType),
        ]),
      )
      const slots = slotsOf(state)
      const states = Object.fromEntries(
        Object.entries(program.states).map(([name, value]) => [
          name,
          checked(`state "${name}"`, fixed.get(name) ?? slots?.get(name), program.values[value] as TensorType),
        ]),
      )
      for (const name of Object.keys(program.updates))
        if (!slots?.has(name)) throw new VitrineError("backend", `reference: no state slot "${name}" to update`)
      const done = interpret(program, kernels, given, states, () => {})
      for (const [name, data] of Object.entries(done.updates)) slots?.set(name, data.slice())
      return Object.fromEntries(
        Object.entries(program.outputs).map(([name, value]): [string, HostTensor] => [
          name,
          {
            data: (done.outputs[name] as Float64Array).slice(),
            shape: (program.values[value] as TensorType).shape as number[],
          },
        ]),
      )
    },
    dispose: async () => {},
  }
}

/**
 * Computes a graph without inputs at once.
 * @param states the values of all its states
 */
export function evaluateGraph(
  g: Graph,
  states: Readonly<Record<string, HostData>>,
): Readonly<Record<string, Float64Array>> {
  const program = lower(g, supports)
  const values = Object.entries(program.states).map(([name, value]): [string, Float64Array] => [
    name,
    checked(`state "${name}"`, states[name], program.values[value] as TensorType),
  ])
  return interpret(program, kernels, {}, Object.fromEntries(values), () => {}).outputs
}

function checked(what: string, data: HostData | undefined, type: TensorType): Float64Array {
  if (data === undefined) throw new VitrineError("backend", `reference: ${what} is missing`)
  const size = elementCount(type.shape)
  if (data.length !== size)
    throw new VitrineError(
      "backend",
      `reference: ${what} needs ${size} values for [${type.shape.join(", ")}], got ${data.length}`,
    )
  return data instanceof Float64Array ? data : Float64Array.from(data)
}

const held = new WeakMap<State, Map<string, Float64Array>>()

function slotsOf(state: State | undefined): Map<string, Float64Array> | undefined {
  return state && held.get(state)
}

async function createState(
  types: Readonly<Record<string, TensorType>>,
  data: Readonly<Record<string, HostData>> = {},
): Promise<State> {
  const slots = new Map<string, Float64Array>()
  const typeOf = (name: string): TensorType => {
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    if (type === undefined) throw new VitrineError("backend", `reference: no state slot "${name}"`)
    return type
  }
  const write = (name: string, values: HostData): void =>
    void slots.set(name, checked(`state "${name}"`, values, typeOf(name)).slice())
  for (const [name, { shape }] of Object.entries(types)) slots.set(name, new Float64Array(elementCount(shape)))
  for (const [name, values] of Object.entries(data)) write(name, values)
  const state: State = {
    slots: types,
    read: async (name) => {
      typeOf(name)
      return (slots.get(name) as Float64Array).slice()
    },
    write: async (name, values) => write(name, values),
    dispose: async () => slots.clear(),
  }
  held.set(state, slots)
  return state
}

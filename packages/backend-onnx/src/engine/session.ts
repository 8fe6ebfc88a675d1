import { type CompileOptions, type Graph, VitrineError } from "@vitrine/core"
import { bindDim } from "@vitrine/core/backend"
import type { InferenceSession, Tensor } from "onnxruntime-common"
import type { Mask, OnnxModel } from "../onnx/model.ts"
import { toOnnx } from "../onnx/to-onnx.ts"
import type { Engine } from "./engine.ts"
import { type Elements, isElements } from "./host.ts"
import { inPlace } from "./in-place.ts"
import type { HostState } from "./state.ts"

/** The sources of a run's data and the targets of its outputs. */
export interface Sources {
  input(name: string): Elements
  mask(mask: Mask): Elements
  /** The state that contains a slot. */
  state(slot: string): HostState
  /** The memory for an output. Without it the engine allocates memory. */
  output(name: string): Elements | undefined
}

/** Data as a tensor of the engine. */
export function tensorOf({ Tensor }: Engine, data: Elements, shape: readonly number[] | undefined): Tensor {
  if (data instanceof Float32Array) return new Tensor("float32", data, shape)
  return data instanceof Int32Array ? new Tensor("int32", data, shape) : new Tensor("bool", data, shape)
}

/** A loaded ONNX model. */
export class Session {
  readonly model: OnnxModel
  readonly #engine: Engine
  /** Undefined for a model without outputs, which engines refuse. */
  readonly #session: InferenceSession | undefined
  readonly #inPlace: ReadonlySet<string>
  readonly #shapes: ReadonlyMap<string, readonly number[]>

  private constructor(engine: Engine, model: OnnxModel, session: InferenceSession | undefined) {
    this.model = model
    this.#engine = engine
    this.#session = session
    const { states, updates } = model.names
    const slots = Object.entries(updates).map(([name, output]) => ({ name, input: states[name], output }))
    this.#inPlace = inPlace(model, slots)
    this.#shapes = new Map(
      [...model.inputs, ...model.outputs].map(({ name, shape }) => [name, shape.map((dim) => bindDim(dim))]),
    )
  }

  static async load(engine: Engine, graph: Graph, options: CompileOptions): Promise<Session> {
    const model = toOnnx(graph, options)
    return new Session(engine, model, model.outputs.length === 0 ? undefined : await engine.load(model))
  }

  /** Runs once and updates the slots. @returns the outputs. */
  async run(sources: Sources): Promise<Record<string, Elements>> {
    if (this.#session === undefined) return {}
    const { names, masks } = this.model
    const { writesInto } = this.#engine
    const feeds: Record<string, Tensor> = {}
    for (const [name, input] of Object.entries(names.inputs)) feeds[input] = this.#tensor(input, sources.input(name))
    for (const mask of masks) feeds[mask.name] = this.#tensor(mask.name, sources.mask(mask))
    for (const [slot, input] of Object.entries(names.states))
      feeds[input] = this.#tensor(input, sources.state(slot).current(slot))

    const fetches: Record<string, Tensor | null> = {}
    const fetch = (output: string, target: Elements | undefined): void =>
      void (fetches[output] = writesInto && target !== undefined ? this.#tensor(output, target) : null)
    for (const [name, output] of Object.entries(names.outputs)) fetch(output, sources.output(name))
    for (const [slot, output] of Object.entries(names.updates)) {
      const state = sources.state(slot)
      fetch(output, writesInto ? (this.#overwrites(slot) ? state.current(slot) : state.spare(slot)) : undefined)
    }

    const results = await this.#session.run(feeds, fetches)
    const dataOf = (output: string): Elements => {
      const data = results[output]?.data
      if (!isElements(data)) throw new VitrineError("backend", `the engine gives no array for "${output}"`)
      return data
    }
    for (const [slot, output] of Object.entries(names.updates))
      if (!writesInto) sources.state(slot).replace(slot, dataOf(output))
      else if (!this.#overwrites(slot)) sources.state(slot).swap(slot)
    return Object.fromEntries(
      Object.entries(names.outputs).map(([name, output]) => {
        const target = sources.output(name)
        if (!writesInto) target?.set(dataOf(output))
        return [name, target ?? dataOf(output)]
      }),
    )
  }

  async release(): Promise<void> {
    await this.#session?.release()
  }

  #overwrites(slot: string): boolean {
    return this.#inPlace.has(slot) || this.model.names.states[slot] === undefined
  }

  #tensor(name: string, data: Elements): Tensor {
    return tensorOf(this.#engine, data, this.#shapes.get(name))
  }
}

import type { CompileOptions, Graph } from "@vitrine/core"
import type { InferenceSession, Tensor } from "onnxruntime-common"
import type { OnnxModel, OnnxValue } from "../onnx/model.ts"
import { toOnnx } from "../onnx/to-onnx.ts"
import type { Engine } from "./engine.ts"
import type { Elements } from "./host.ts"
import { inPlace } from "./in-place.ts"
import type { HostState } from "./state.ts"

/** Where a run finds its data: inputs and masks by name, and the state that holds a slot. */
export interface Sources {
  input(name: string): Elements
  mask(index: number): Elements
  state(slot: string): HostState
  /** Where to put an output; the engine takes new memory for it if this gives none. */
  output(name: string): Elements | undefined
}

/** One ONNX model, loaded. */
export class Session {
  readonly model: OnnxModel
  readonly #engine: Engine
  /** Nothing for a model without outputs, which engines refuse. */
  readonly #session: InferenceSession | undefined
  readonly #inPlace: ReadonlySet<string>
  readonly #types: ReadonlyMap<string, OnnxValue>

  private constructor(engine: Engine, model: OnnxModel, session: InferenceSession | undefined) {
    this.model = model
    this.#engine = engine
    this.#session = session
    this.#inPlace = inPlace(model)
    this.#types = new Map([...model.inputs, ...model.outputs].map((value) => [value.name, value]))
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
    for (const [name, inner] of Object.entries(names.inputs)) feeds[inner] = this.#tensor(inner, sources.input(name))
    masks.forEach(({ name }, i) => void (feeds[name] = this.#tensor(name, sources.mask(i))))
    for (const [slot, inner] of Object.entries(names.states))
      feeds[inner] = this.#tensor(inner, sources.state(slot).current(slot))

    const fetches: Record<string, Tensor | null> = {}
    const into = (inner: string, target: Elements | undefined): void =>
      void (fetches[inner] = writesInto && target !== undefined ? this.#tensor(inner, target) : null)
    for (const [name, inner] of Object.entries(names.outputs)) into(inner, sources.output(name))
    for (const [slot, inner] of Object.entries(names.updates)) {
      const state = sources.state(slot)
      into(inner, writesInto ? (this.#overwrites(slot) ? state.current(slot) : state.spare(slot)) : undefined)
    }

    const made = await this.#session.run(feeds, fetches)
    const dataOf = (inner: string): Elements => (made[inner] as Tensor).data as Elements
    for (const [slot, inner] of Object.entries(names.updates))
      if (!writesInto) sources.state(slot).replace(slot, dataOf(inner))
      else if (!this.#overwrites(slot)) sources.state(slot).swap(slot)
    return Object.fromEntries(
      Object.entries(names.outputs).map(([name, inner]) => {
        const target = sources.output(name)
        if (!writesInto) target?.set(dataOf(inner))
        return [name, target ?? dataOf(inner)]
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
    const { shape, dtype } = this.#types.get(name) as OnnxValue
    return new this.#engine.Tensor(dtype as "float32", data as Float32Array, shape as readonly number[])
  }
}

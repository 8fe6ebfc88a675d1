import {
  bindBatch,
  type CompileOptions,
  dropoutMask,
  fold,
  type Graph,
  type HostData,
  type HostTensor,
  sameShape,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import type { InferenceSession, Tensor } from "onnxruntime-common"
import type { OnnxModel, OnnxValue } from "../onnx/model.ts"
import { toOnnx } from "../onnx/to-onnx.ts"
import type { Engine } from "./engine.ts"
import { checked, type Elements, zeros } from "./host.ts"
import { inPlace } from "./in-place.ts"
import type { HostState } from "./state.ts"

/** A compiled graph: one ONNX Runtime session. */
export class OnnxProgram {
  readonly #engine: Engine
  readonly #graph: Graph
  readonly #model: OnnxModel
  readonly #session: InferenceSession
  readonly #inPlace: ReadonlySet<string>
  readonly #types: ReadonlyMap<string, OnnxValue>
  readonly #masks: readonly Elements[]
  #released = false

  private constructor(engine: Engine, graph: Graph, model: OnnxModel, session: InferenceSession) {
    this.#engine = engine
    this.#graph = graph
    this.#model = model
    this.#session = session
    this.#inPlace = inPlace(model)
    this.#types = new Map([...model.inputs, ...model.outputs].map((value) => [value.name, value]))
    this.#masks = model.masks.map(({ shape }) => zeros({ shape, dtype: "float32" }))
  }

  static async load(engine: Engine, graph: Graph, options: CompileOptions): Promise<OnnxProgram> {
    const model = toOnnx(graph, options)
    return new OnnxProgram(engine, bindBatch(graph, options.batch), model, await engine.load(model))
  }

  async run(
    inputs: Readonly<Record<string, HostData>>,
    state: HostState | undefined,
  ): Promise<Record<string, HostTensor>> {
    if (this.#released) throw new VitrineError("backend", "the program has been disposed of")
    const { names, masks } = this.#model
    const feeds: Record<string, Tensor> = {}
    const given: Record<string, Elements> = {}
    for (const [name, value] of Object.entries(this.#graph.inputs)) {
      const type = this.#graph.values[value] as TensorType
      given[name] = checked(`input "${name}"`, type, inputs[name])
      feeds[names.inputs[name] as string] = this.#tensor(names.inputs[name] as string, given[name])
    }
    for (const [name, inner] of Object.entries(names.states)) {
      this.#checkSlot(name, this.#graph.states[name] as number, state)
      feeds[inner] = this.#tensor(inner, (state as HostState).current(name))
    }
    for (const [name, value] of Object.entries(this.#graph.updates)) this.#checkSlot(name, value, state)

    masks.forEach(({ name, key, path, rate }, i) => {
      const [high, low] = given[key] as Int32Array
      const values = this.#masks[i] as Float32Array<ArrayBuffer>
      dropoutMask(fold([(high as number) >>> 0, (low as number) >>> 0], path), rate, values)
      feeds[name] = this.#tensor(name, values)
    })
    const fetches: Record<string, Tensor | null> = {}
    for (const name of Object.values(names.outputs)) fetches[name] = null
    for (const [slot, inner] of Object.entries(names.updates))
      fetches[inner] = this.#engine.writesInto ? this.#tensor(inner, this.#target(slot, state as HostState)) : null

    const made = await this.#session.run(feeds, fetches)
    for (const [slot, inner] of Object.entries(names.updates))
      if (!this.#engine.writesInto) (state as HostState).replace(slot, (made[inner] as Tensor).data as Elements)
      else if (!this.#overwrites(slot)) (state as HostState).swap(slot)
    return Object.fromEntries(
      Object.entries(names.outputs).map(([name, inner]) => {
        const { data, dims } = made[inner] as Tensor
        return [name, { data: data as Elements, shape: dims }]
      }),
    )
  }

  async release(): Promise<void> {
    this.#released = true
    await this.#session.release()
  }

  #overwrites(slot: string): boolean {
    return this.#inPlace.has(slot) || this.#model.names.states[slot] === undefined
  }

  #target(slot: string, state: HostState): Elements {
    return this.#overwrites(slot) ? state.current(slot) : state.spare(slot)
  }

  #tensor(name: string, data: Elements): Tensor {
    const { shape, dtype } = this.#types.get(name) as OnnxValue
    return new this.#engine.Tensor(dtype as "float32", data as Float32Array, shape)
  }

  #checkSlot(name: string, value: number, state: HostState | undefined): void {
    const { shape, dtype } = this.#graph.values[value] as TensorType
    const slot = state !== undefined && Object.hasOwn(state.slots, name) ? state.slots[name] : undefined
    const wanted = `${dtype} [${shape.join(", ")}]`
    if (slot === undefined)
      throw new VitrineError("backend", `the program needs state "${name}" (${wanted}), which was not given`)
    if (!sameShape(slot.shape, shape) || slot.dtype !== dtype)
      throw new VitrineError("backend", `state "${name}" is ${slot.dtype} [${slot.shape.join(", ")}], not ${wanted}`)
  }
}

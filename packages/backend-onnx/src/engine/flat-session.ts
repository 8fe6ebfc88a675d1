import { elementCount } from "@vitrine/core/backend"
import type { InferenceSession, Tensor } from "onnxruntime-common"
import type { OnnxModel } from "../onnx/model.ts"
import { toOnnx } from "../onnx/to-onnx.ts"
import type { Engine } from "./engine.ts"
import type { FlatUpdate, Vector } from "./flat.ts"
import type { Elements } from "./host.ts"
import { inPlace } from "./in-place.ts"
import { tensorOf } from "./session.ts"
import { type HostState, offsetsOf } from "./state.ts"

/** The elements in a chunk: half a MiB of each vector, so that the vectors of a chunk fit into the processor's caches. */
const chunk = 2 ** 17

/** A flat update, loaded. */
export class FlatSession {
  readonly update: FlatUpdate
  /** The slots that it reads and writes, and those that it fills. */
  readonly slots: readonly string[]
  readonly #engine: Engine
  readonly #model: OnnxModel
  readonly #session: InferenceSession
  readonly #length: number
  /** The values that the rest of the graph computes for the update, one after the other, by the vector's first output. */
  readonly #buffers = new Map<Vector, Float32Array<ArrayBuffer>>()
  readonly #outputs = new Map<string, Float32Array<ArrayBuffer>>()
  /** The names of vectors' outputs that may overwrite the vector. */
  readonly #inPlace: ReadonlySet<string>
  readonly #scratch = new Map<string, Float32Array<ArrayBuffer>>()

  private constructor(engine: Engine, update: FlatUpdate, model: OnnxModel, session: InferenceSession) {
    const { vectors, types } = update
    this.update = update
    this.slots = vectors.filter(({ kind }) => kind === "slots").flatMap(({ members }) => members)
    this.#engine = engine
    this.#model = model
    this.#session = session
    const lengths = types.map(({ shape }) => elementCount(shape))
    const { offsets, end } = offsetsOf(lengths)
    this.#length = end
    for (const vector of vectors.filter(({ kind }) => kind === "outputs")) {
      const values = new Float32Array(end)
      this.#buffers.set(vector, values)
      for (const [i, name] of vector.members.entries()) {
        const [from = 0, length = 0] = [offsets[i], lengths[i]]
        this.#outputs.set(name, values.subarray(from, from + length))
      }
    }
    const slots = vectors.flatMap(({ input = "", next }) =>
      next === undefined
        ? []
        : [{ name: next, input: model.names.inputs[input], output: model.names.outputs[next] ?? "" }],
    )
    this.#inPlace = inPlace(model, slots)
  }

  static async load(engine: Engine, update: FlatUpdate): Promise<FlatSession> {
    const model = toOnnx(update.graph)
    return new FlatSession(engine, update, model, await engine.load(model, 1))
  }

  /** The memory for an output of the rest of the graph that this update reads. */
  output(name: string): Elements | undefined {
    return this.#outputs.get(name)
  }

  /**
   * Runs after the rest of the graph.
   * @param stateOf the state that has a slot
   * @param numberOf the value of an input or output of the rest
   */
  async run(
    stateOf: (slot: string) => HostState,
    numberOf: (source: FlatUpdate["scalars"][string]) => Elements,
  ): Promise<void> {
    const { vectors, scalars } = this.update
    const { inputs, outputs } = this.#model.names
    const numbers: Record<string, Tensor> = {}
    for (const [name, source] of Object.entries(scalars)) {
      const input = inputs[name]
      if (input !== undefined) numbers[input] = tensorOf(this.#engine, numberOf(source), [])
    }
    const whole = new Map(vectors.map((vector) => [vector, this.#memory(vector, stateOf)]))
    for (let from = 0; from < this.#length; from += chunk) {
      const length = Math.min(chunk, this.#length - from)
      const feeds = { ...numbers }
      const fetches: Record<string, Tensor> = {}
      const copies: [Elements, Elements][] = []
      for (const [vector, all] of whole) {
        const { input = "", next = "" } = vector
        const part = all.subarray(from, from + length)
        const [read, written] = [inputs[input], outputs[next]]
        if (read !== undefined) feeds[read] = tensorOf(this.#engine, part, [length])
        if (written === undefined) continue
        const isOwn = read === undefined || this.#inPlace.has(next)
        const target = isOwn ? part : this.#spare(next).subarray(0, length)
        if (!isOwn) copies.push([part, target])
        fetches[written] = tensorOf(this.#engine, target, [length])
      }
      await this.#session.run(feeds, fetches)
      for (const [part, target] of copies) part.set(target)
    }
    for (const [{ fill }, all] of whole) if (fill !== undefined) all.fill(fill)
  }

  async release(): Promise<void> {
    await this.#session.release()
  }

  #memory(vector: Vector, stateOf: (slot: string) => HostState): Float32Array<ArrayBuffer> {
    const own = this.#buffers.get(vector)
    if (own !== undefined) return own
    const { members } = vector
    const [first = ""] = members
    return stateOf(first).buffer(members)
  }

  #spare(next: string): Float32Array<ArrayBuffer> {
    const spare = this.#scratch.get(next) ?? new Float32Array(Math.min(chunk, this.#length))
    this.#scratch.set(next, spare)
    return spare
  }
}

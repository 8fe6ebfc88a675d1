import {
  bindBatch,
  type CompileOptions,
  dropoutMask,
  foldKey,
  type Graph,
  type HostData,
  type HostTensor,
  type Key,
  sameShape,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import type { Mask } from "../onnx/model.ts"
import { lowered } from "../onnx/to-onnx.ts"
import type { Engine } from "./engine.ts"
import { checked, type Elements, zeros } from "./host.ts"
import { Session, type Sources } from "./session.ts"
import { slice, sliceSize } from "./slices.ts"
import { HostState } from "./state.ts"

/** The sessions of a graph that is run slice by slice. */
interface SlicedSessions {
  readonly stages: readonly Session[]
  readonly totals: HostState
  readonly slices: number
}

/** A compiled graph. */
export class OnnxProgram {
  /** The graph at its batch size. */
  readonly #graph: Graph
  /** The inputs that hold something for each example. */
  readonly #perExample: ReadonlySet<string>
  readonly #sliced: SlicedSessions | undefined
  /** The whole graph, or what is left of it. */
  readonly #rest: Session
  readonly #masks = new Map<string, Float32Array<ArrayBuffer>>()
  #released = false

  private constructor(source: Graph, batch: number | undefined, rest: Session, sliced?: SlicedSessions) {
    this.#graph = bindBatch(source, batch)
    this.#perExample = new Set(
      Object.keys(source.inputs).filter((name) => {
        const type = source.values[source.inputs[name] as number]
        return typeof type?.shape[0] === "string"
      }),
    )
    this.#rest = rest
    this.#sliced = sliced
  }

  static async load(engine: Engine, graph: Graph, options: CompileOptions): Promise<OnnxProgram> {
    const { batch } = options
    bindBatch(graph, batch)
    const cut = batch === undefined ? undefined : slice(lowered(graph))
    const size = cut === undefined ? batch : sliceSize(cut, batch as number, engine.sliceRows)
    if (cut === undefined || size === batch)
      return new OnnxProgram(graph, batch, await Session.load(engine, graph, options))
    const stages: Session[] = []
    for (const stage of cut.stages)
      stages.push(await Session.load(engine, stage, { ...options, batch: size as number }))
    const slices = (batch as number) / (size as number)
    const rest = await Session.load(engine, cut.rest, options)
    return new OnnxProgram(graph, batch, rest, { stages, totals: new HostState(cut.totals), slices })
  }

  async run(
    inputs: Readonly<Record<string, HostData>>,
    state: HostState | undefined,
  ): Promise<Record<string, HostTensor>> {
    if (this.#released) throw new VitrineError("backend", "the program has been disposed of")
    const given = this.#check(inputs, state)
    const made: Record<string, Elements> = {}
    const whole: Sources = {
      input: (name) => given[name] as Elements,
      mask: (i) => this.#mask(this.#rest.model.masks[i] as Mask, 1, given),
      state: () => state as HostState,
      output: () => undefined,
    }
    if (this.#sliced === undefined) Object.assign(made, await this.#rest.run(whole))
    else {
      const { stages, totals, slices } = this.#sliced
      const holder = (slot: string): HostState => (Object.hasOwn(totals.slots, slot) ? totals : (state as HostState))
      totals.clear()
      for (const session of stages) {
        const part = (all: Elements, i: number): Elements => {
          const n = all.length / slices
          return all.subarray(i * n, (i + 1) * n)
        }
        const masks = session.model.masks.map((mask) => this.#mask(mask, slices, given))
        for (const name of Object.keys(session.model.names.outputs))
          made[name] = zeros(this.#graph.values[this.#graph.outputs[name] as number] as TensorType)
        for (let i = 0; i < slices; i++)
          await session.run({
            input: (name) =>
              this.#perExample.has(name) ? part(given[name] as Elements, i) : (given[name] as Elements),
            mask: (m) => (session.model.masks[m]?.perExample ? part(masks[m] as Elements, i) : (masks[m] as Elements)),
            state: holder,
            output: (name) => part(made[name] as Elements, i),
          })
      }
      Object.assign(made, await this.#rest.run({ ...whole, state: holder }))
    }
    return Object.fromEntries(
      Object.entries(this.#graph.outputs).map(([name, value]) => {
        const { shape } = this.#graph.values[value] as TensorType
        return [name, { data: made[name] as Elements, shape: shape as readonly number[] }]
      }),
    )
  }

  async release(): Promise<void> {
    this.#released = true
    for (const session of [...(this.#sliced?.stages ?? []), this.#rest]) await session.release()
  }

  /** All inputs, in the form that engines take. @throws VitrineError (backend) before anything has changed. */
  #check(inputs: Readonly<Record<string, HostData>>, state: HostState | undefined): Record<string, Elements> {
    const { values, states, updates } = this.#graph
    const given: Record<string, Elements> = {}
    for (const [name, value] of Object.entries(this.#graph.inputs))
      given[name] = checked(`input "${name}"`, values[value] as TensorType, inputs[name])
    const names = new Set([
      ...[this.#rest, ...(this.#sliced?.stages ?? [])].flatMap(({ model }) => Object.keys(model.names.states)),
      ...Object.keys(updates),
    ])
    for (const name of names) {
      if (this.#sliced?.totals.slots[name] !== undefined) continue
      const { shape, dtype } = values[(states[name] ?? updates[name]) as number] as TensorType
      const slot = state !== undefined && Object.hasOwn(state.slots, name) ? state.slots[name] : undefined
      const wanted = `${dtype} [${shape.join(", ")}]`
      if (slot === undefined)
        throw new VitrineError("backend", `the program needs state "${name}" (${wanted}), which was not given`)
      if (!sameShape(slot.shape, shape) || slot.dtype !== dtype)
        throw new VitrineError("backend", `state "${name}" is ${slot.dtype} [${slot.shape.join(", ")}], not ${wanted}`)
    }
    return given
  }

  #mask({ path, rate, key, shape, perExample }: Mask, slices: number, given: Record<string, Elements>): Elements {
    const n = shape.reduce((count, dim) => count * dim, perExample ? slices : 1)
    const name = `${key} ${path} ${rate} ${n}`
    const mask = this.#masks.get(name) ?? new Float32Array(n)
    this.#masks.set(name, mask)
    const words = Array.from(given[key] as Int32Array, (word) => word >>> 0)
    dropoutMask(foldKey(words as unknown as Key, path), rate, mask)
    return mask
  }
}

import {
  type CompileOptions,
  type Graph,
  type HostData,
  type HostTensor,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import {
  bindBatch,
  type BoundGraph,
  drawDropoutMask,
  elementCount,
  sameShape,
  showShape,
  typeOf,
} from "@vitrine/core/backend"
import type { Mask } from "../onnx/model.ts"
import type { Engine } from "./engine.ts"
import { flatten } from "./flat.ts"
import { FlatSession } from "./flat-session.ts"
import { checkedElements, type Elements, zeros } from "./host.ts"
import { Session, type Sources } from "./session.ts"
import { partsOf } from "./slices.ts"
import { HostState } from "./state.ts"

/** The sessions of a graph that runs slice by slice. */
interface SlicedSessions {
  readonly stages: readonly Session[]
  readonly totals: HostState
  readonly slices: number
}

type Inputs = Readonly<Record<string, Elements>>

/**
 * Loads a lowered graph: the session of most of it, and those of its flat updates where the engine can write into
 * memory.
 */
async function loadFlat(
  engine: Engine,
  graph: Graph,
  options: CompileOptions,
): Promise<{ readonly rest: Session; readonly flat: readonly FlatSession[] }> {
  const { rest, updates } = engine.writesInto
    ? flatten(graph, new Set(Object.keys(options.constants ?? {})))
    : { rest: graph, updates: [] }
  const flat: FlatSession[] = []
  for (const update of updates) flat.push(await FlatSession.load(engine, update))
  return { rest: await Session.load(engine, rest, options), flat }
}

/** A compiled graph. */
export class OnnxProgram {
  readonly #graph: BoundGraph
  /** The inputs with a row for each example. */
  readonly #perExample: ReadonlySet<string>
  readonly #sliced: SlicedSessions | undefined
  /** The session of the whole graph. If the graph is sliced, it is the session of the part after the slices. */
  readonly #rest: Session
  /** The updates that run after the rest, in chunks. */
  readonly #flat: readonly FlatSession[]
  readonly #masks = new Map<string, Float32Array<ArrayBuffer>>()
  #released = false

  private constructor(
    source: Graph,
    batch: number | undefined,
    { rest, flat }: { readonly rest: Session; readonly flat: readonly FlatSession[] },
    sliced?: SlicedSessions,
  ) {
    this.#graph = bindBatch(source, batch)
    const inputs = Object.entries(source.inputs)
    const perExample = inputs.filter(([, value]) => typeof typeOf(source, value).shape[0] === "string")
    this.#perExample = new Set(perExample.map(([name]) => name))
    this.#rest = rest
    this.#flat = flat
    this.#sliced = sliced
  }

  static async load(engine: Engine, graph: Graph, options: CompileOptions): Promise<OnnxProgram> {
    const { batch } = options
    bindBatch(graph, batch)
    const { stages, rest, totals } = partsOf(graph, batch, engine.sliceRows)
    const [first] = stages
    if (totals === undefined || batch === undefined || first?.batch === undefined)
      return new OnnxProgram(graph, batch, await loadFlat(engine, rest.graph, options))
    const loaded: Session[] = []
    for (const stage of stages) loaded.push(await Session.load(engine, stage.graph, { ...options, batch: first.batch }))
    const last = await loadFlat(engine, rest.graph, options)
    return new OnnxProgram(graph, batch, last, {
      stages: loaded,
      totals: new HostState(totals),
      slices: batch / first.batch,
    })
  }

  async run(
    inputs: Readonly<Record<string, HostData>>,
    state: HostState | undefined,
  ): Promise<Record<string, HostTensor>> {
    if (this.#released) throw new VitrineError("backend", "the program has been disposed of")
    const elements = this.#checkInputs(inputs)
    this.#checkState(state)
    const outputs = await (this.#sliced === undefined
      ? this.#runRest(elements, (slot) => existing(state, slot))
      : this.#runSliced(this.#sliced, elements, state))
    return Object.fromEntries(
      Object.entries(this.#graph.outputs).map(([name, value]) => [
        name,
        { data: existing(outputs[name], name), shape: typeOf(this.#graph, value).shape },
      ]),
    )
  }

  async release(): Promise<void> {
    this.#released = true
    for (const session of [...this.#sessions(), ...this.#flat]) await session.release()
  }

  #sessions(): readonly Session[] {
    return [...(this.#sliced?.stages ?? []), this.#rest]
  }

  #wholeSources(inputs: Inputs, stateOf: Sources["state"]): Sources {
    return {
      input: (name) => existing(inputs[name], name),
      mask: (mask) => this.#draw(mask, 1, inputs),
      state: stateOf,
      output: (name) => this.#flat.map((update) => update.output(name)).find((memory) => memory !== undefined),
    }
  }

  /** Runs the rest and then the flat updates, which may read outputs of the rest. */
  async #runRest(inputs: Inputs, stateOf: Sources["state"]): Promise<Record<string, Elements>> {
    const outputs = await this.#rest.run(this.#wholeSources(inputs, stateOf))
    for (const update of this.#flat)
      await update.run(stateOf, ({ kind, name }) => existing(kind === "input" ? inputs[name] : outputs[name], name))
    return outputs
  }

  async #runSliced(
    { stages, totals, slices }: SlicedSessions,
    inputs: Inputs,
    state: HostState | undefined,
  ): Promise<Record<string, Elements>> {
    const stateOf = (slot: string): HostState => (Object.hasOwn(totals.slots, slot) ? totals : existing(state, slot))
    const outputs: Record<string, Elements> = {}
    totals.clear()
    for (const session of stages) {
      const masks = new Map(session.model.masks.map((mask) => [mask, this.#draw(mask, slices, inputs)]))
      for (const name of Object.keys(session.model.names.outputs))
        outputs[name] = zeros(typeOf(this.#graph, this.#graph.outputs[name] ?? -1))
      for (let i = 0; i < slices; i++) {
        const part = (all: Elements): Elements => {
          const n = all.length / slices
          return all.subarray(i * n, (i + 1) * n)
        }
        await session.run({
          input: (name) => {
            const whole = existing(inputs[name], name)
            return this.#perExample.has(name) ? part(whole) : whole
          },
          mask: (mask) => {
            const whole = existing(masks.get(mask), mask.path)
            return mask.perExample ? part(whole) : whole
          },
          state: stateOf,
          output: (name) => part(existing(outputs[name], name)),
        })
      }
    }
    return { ...outputs, ...(await this.#runRest(inputs, stateOf)) }
  }

  /**
   * Checks all inputs and converts them for the engine.
   * @throws VitrineError (backend) before anything has changed.
   */
  #checkInputs(inputs: Readonly<Record<string, HostData>>): Inputs {
    return Object.fromEntries(
      Object.entries(this.#graph.inputs).map(([name, value]) => [
        name,
        checkedElements(`input "${name}"`, typeOf(this.#graph, value), inputs[name]),
      ]),
    )
  }

  /** @throws VitrineError (backend) for a slot that is missing, or that has another type than the graph's state. */
  #checkState(state: HostState | undefined): void {
    const { states, updates } = this.#graph
    const names = new Set([
      ...this.#sessions().flatMap(({ model }) => Object.keys(model.names.states)),
      ...this.#flat.flatMap(({ slots }) => slots),
      ...Object.keys(updates),
    ])
    for (const name of names) {
      if (this.#sliced?.totals.slots[name] !== undefined) continue
      const { shape, dtype } = typeOf(this.#graph, states[name] ?? updates[name] ?? -1)
      const slot: TensorType | undefined =
        state !== undefined && Object.hasOwn(state.slots, name) ? state.slots[name] : undefined
      const expected = `${dtype} ${showShape(shape)}`
      if (slot === undefined)
        throw new VitrineError("backend", `the program needs state "${name}" (${expected}), which was not given`)
      if (!sameShape(slot.shape, shape) || slot.dtype !== dtype)
        throw new VitrineError("backend", `state "${name}" is ${slot.dtype} ${showShape(slot.shape)}, not ${expected}`)
    }
  }

  /** Draws a mask. A mask with a row for each example is drawn for all slices at once. */
  #draw(mask: Mask, slices: number, inputs: Inputs): Elements {
    const { path, rate, key, shape, perExample } = mask
    const n = elementCount(shape) * (perExample ? slices : 1)
    const name = `${key} ${path} ${rate} ${n}`
    const values = this.#masks.get(name) ?? new Float32Array(n)
    this.#masks.set(name, values)
    drawDropoutMask(existing(inputs[key], key), mask, values)
    return values
  }
}

/** @throws RangeError if there is no value. */
function existing<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new RangeError(`there is no value for "${name}"`)
  return value
}

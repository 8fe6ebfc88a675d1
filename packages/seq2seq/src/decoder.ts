import {
  type Backend,
  type CompileOptions,
  type Graph,
  graph,
  type HostData,
  ops,
  type Program,
  rootScope,
  type Scope,
  type State,
  type Tensor,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import { type Seq2SeqConfig, sourceLength } from "./config.ts"
import { sourceInput } from "./parameters.ts"
import { checkSearch, type Hypothesis, beamSearch, type SearchOptions } from "./search.ts"
import { encodeSource } from "./seq2seq.ts"
import { decodeStep, type KeysAndValues, memoryKeys } from "./step.ts"

/** Decodes sources. */
export interface Decoder {
  /**
   * @param source images as the config has them, or tokens, `batch` of them.
   * @param padding 1 for source tokens that are not there, `[batch, source tokens]`; none by default.
   * @returns for each source its hypotheses, the best first.
   */
  decode(
    source: HostData,
    batch: number,
    options?: SearchOptions & { readonly padding?: Uint8Array | undefined },
  ): Promise<Hypothesis[][]>
  dispose(): Promise<void>
}

/** Programs for a number of sources and of beams, and the slots that lie between them. */
interface Compiled {
  readonly encode: Program
  /** The first step, and one for those after it, which may change the order of hypotheses. */
  readonly step: Program
  readonly state: State
  dispose(): Promise<void>
}

/**
 * Greedy decoding and beam search with the keys and values of earlier tokens, and those of the source, in slots that stay
 * on the backend. One program encodes, one takes a step: they are compiled for each number of sources and of beams, and
 * those used last are kept.
 * @param constants the parameters by name.
 */
export function createDecoder(
  backend: Backend,
  config: Seq2SeqConfig,
  constants: NonNullable<CompileOptions["constants"]>,
): Decoder {
  let held: { readonly shape: string; readonly compiled: Promise<Compiled> } | undefined
  const at = async (batch: number, beams: number): Promise<Compiled> => {
    const shape = `${batch}×${beams}`
    if (held?.shape !== shape) {
      const old = held
      held = { shape, compiled: compile(backend, config, constants, batch, beams) }
      await (await old?.compiled.catch(() => undefined))?.dispose()
    }
    return held.compiled
  }
  const sourceSize = sourceInput(config, 1).shape.reduce<number>((n, size) => n * (size as number), 1)
  return {
    async decode(source, batch, { beams = 1, lengthPenalty, padding } = {}) {
      checkSearch({ beams, lengthPenalty })
      const tokens = sourceLength(config)
      checkSize("source", source.length, batch * sourceSize)
      checkSize("padding", padding?.length ?? batch * tokens, batch * tokens)
      if (config.source.kind === "tokens") checkTokens(source, config.source.vocabulary)
      const { encode, step, state } = await at(batch, beams)
      await encode.run({ source, padding: padding ?? new Uint8Array(batch * tokens) }, state)
      return beamSearch(
        async ({ position, tokens: last, parents }) => {
          const chosen = beams === 1 ? {} : { parents: oneHotRows(parents ?? new Int32Array(batch * beams), beams) }
          const { logits } = await step.run({ tokens: last, position: Int32Array.of(position), ...chosen }, state)
          return logits?.data ?? []
        },
        { ...config, batch },
        { beams, lengthPenalty },
      )
    },
    async dispose() {
      await (await held?.compiled.catch(() => undefined))?.dispose()
      held = undefined
    },
  }
}

function checkSize(what: string, found: number, expected: number): void {
  if (found !== expected) throw new VitrineError("shape", `decode: ${what} must have ${expected} values, got ${found}`)
}

/** @throws VitrineError (shape) for numbers that are no tokens of a vocabulary. */
export function checkTokens(tokens: ArrayLike<number>, vocabulary: number): void {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as number
    if (!(Number.isInteger(token) && token >= 0 && token < vocabulary))
      throw new VitrineError("shape", `token ${i} is ${token}, but the vocabulary has 0 to ${vocabulary - 1}`)
  }
}

function oneHotRows(indices: Int32Array, width: number): Float32Array {
  const rows = new Float32Array(indices.length * width)
  indices.forEach((index, row) => void (rows[row * width + index] = 1))
  return rows
}

async function compile(
  backend: Backend,
  config: Seq2SeqConfig,
  constants: NonNullable<CompileOptions["constants"]>,
  batch: number,
  beams: number,
): Promise<Compiled> {
  const { heads, dim, length, decoderDepth } = config
  const source = sourceLength(config)
  const slots: Record<string, TensorType> = { "memory.padding": { shape: [batch, source], dtype: "float32" } }
  for (let i = 0; i < decoderDepth; i++)
    for (const part of ["keys", "values"]) {
      slots[`memory.${part}.${i}`] = { shape: [batch, heads, source, dim / heads], dtype: "float32" }
      slots[`cache.${part}.${i}`] = { shape: [batch * beams, heads, length, dim / heads], dtype: "float32" }
    }
  const held = (name: string): Tensor => ops.state(name, (slots[name] as TensorType).shape)
  const all = (what: string): KeysAndValues => {
    const part = (name: string): Tensor[] =>
      Array.from({ length: decoderDepth }, (_, i) => held(`${what}.${name}.${i}`))
    return { keys: part("keys"), values: part("values") }
  }
  const compiled = (g: Graph): Promise<Program> => {
    const own = Object.entries(constants).filter(([name]) => name in g.states)
    return backend.compile(g, { constants: Object.fromEntries(own) })
  }
  const scope = rootScope()
  const encode = await compiled(encodeGraph(scope, config, batch))
  const rows = batch * beams
  const taken = decodeStep(
    scope,
    {
      tokens: ops.input("tokens", [rows], "int32"),
      position: ops.input("position", [1], "int32"),
      cache: all("cache"),
      parents: beams === 1 ? undefined : ops.input("parents", [batch, beams, beams]),
      memory: all("memory"),
      padding: ops.greater(held("memory.padding"), 0.5),
    },
    config,
  )
  const step = await compiled(graph({ outputs: { logits: taken.logits }, updates: named("cache", taken.cache) }))
  const state = await backend.createState(slots)
  return {
    encode,
    step,
    state,
    dispose: async () => {
      await encode.dispose()
      await step.dispose()
      await state.dispose()
    },
  }
}

function encodeGraph(scope: Scope, config: Seq2SeqConfig, batch: number): Graph {
  const padding = ops.input("padding", [batch, sourceLength(config)], "bool")
  const memory = encodeSource(scope, sourceInput(config, batch), config, padding)
  const keys = named("memory", memoryKeys(scope, memory, config))
  return graph({ updates: { ...keys, "memory.padding": ops.cast(padding, "float32") } })
}

function named(what: string, { keys, values }: KeysAndValues): Record<string, Tensor> {
  const part = (name: string, tensors: readonly Tensor[]): [string, Tensor][] =>
    tensors.map((t, i) => [`${what}.${name}.${i}`, t])
  return Object.fromEntries([...part("keys", keys), ...part("values", values)])
}

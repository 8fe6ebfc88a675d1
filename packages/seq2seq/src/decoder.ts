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
  type Shape,
  type State,
  type Tensor,
  VitrineError,
} from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import { type Seq2SeqConfig, sourceLength } from "./config.ts"
import { sourceInput } from "./parameters.ts"
import { checkSearch, type Hypothesis, beamSearch, type SearchOptions } from "./search.ts"
import { encodeSource } from "./seq2seq.ts"
import { decodeStep, type KeysAndValues, memoryKeys } from "./step.ts"

/** Decodes sources. */
export interface Decoder {
  /**
   * Decodes a batch of sources.
   * @param source `batch` images or lists of tokens
   * @param padding 1 for padding among the source tokens, `[batch, source tokens]`; none by default
   * @returns the hypotheses of each source, best first
   */
  decode(
    source: HostData,
    batch: number,
    options?: SearchOptions & { readonly padding?: Uint8Array | undefined },
  ): Promise<Hypothesis[][]>
  dispose(): Promise<void>
}

/** Programs for one number of sources and of beams, and the slots that the programs share. */
interface Compiled {
  readonly encode: Program
  readonly step: Program
  readonly state: State
  dispose(): Promise<void>
}

/**
 * Makes a decoder for greedy decoding and beam search. Slots on the backend hold the keys and values of the source and
 * of earlier tokens. One program encodes sources, another computes a step. The programs are compiled for each number of
 * sources and of beams, and the most recent ones are cached.
 * @param constants the parameters by name
 */
export function createDecoder(
  backend: Backend,
  config: Seq2SeqConfig,
  constants: NonNullable<CompileOptions["constants"]>,
): Decoder {
  let latest: { readonly shape: string; readonly compiled: Promise<Compiled> } | undefined
  const compiledFor = async (batch: number, beams: number): Promise<Compiled> => {
    const shape = `${batch}×${beams}`
    if (latest?.shape !== shape) {
      const old = latest
      latest = { shape, compiled: compile(backend, config, constants, batch, beams) }
      await (await old?.compiled.catch(() => undefined))?.dispose()
    }
    return latest.compiled
  }
  const sourceSize = elementCount(sourceInput(config, 1).shape)
  return {
    async decode(source, batch, { beams = 1, lengthPenalty, padding } = {}) {
      checkSearch({ beams, lengthPenalty })
      const tokens = sourceLength(config)
      checkSize("source", source.length, batch * sourceSize)
      checkSize("padding", padding?.length ?? batch * tokens, batch * tokens)
      if (config.source.kind === "tokens") checkTokens(source, config.source.vocabulary)
      const { encode, step, state } = await compiledFor(batch, beams)
      await encode.run({ source, padding: padding ?? new Uint8Array(batch * tokens) }, state)
      return beamSearch(
        async ({ position, tokens: last, parents }) => {
          const order = beams === 1 ? {} : { parents: oneHotRows(parents ?? new Int32Array(batch * beams), beams) }
          const { logits } = await step.run({ tokens: last, position: Int32Array.of(position), ...order }, state)
          return logits?.data ?? []
        },
        { ...config, batch },
        { beams, lengthPenalty },
      )
    },
    async dispose() {
      await (await latest?.compiled.catch(() => undefined))?.dispose()
      latest = undefined
    },
  }
}

function checkSize(name: string, size: number, expected: number): void {
  if (size !== expected) throw new VitrineError("shape", `decode: ${name} must have ${expected} values, got ${size}`)
}

/**
 * Refuses tokens outside of the vocabulary.
 * @throws VitrineError (shape) for numbers outside the vocabulary
 */
export function checkTokens(tokens: ArrayLike<number>, vocabulary: number): void {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? Number.NaN
    if (!(Number.isInteger(token) && token >= 0 && token < vocabulary))
      throw new VitrineError("shape", `token ${i} is ${token}, but the vocabulary has 0 to ${vocabulary - 1}`)
  }
}

function oneHotRows(indices: Int32Array, width: number): Float32Array {
  const rows = new Float32Array(indices.length * width)
  for (const [row, index] of indices.entries()) rows[row * width + index] = 1
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
  const rows = batch * beams
  const headDim = dim / heads
  const memory = keysAndValues("memory", decoderDepth, [batch, heads, source, headDim])
  const cache = keysAndValues("cache", decoderDepth, [rows, heads, length, headDim])
  const padding = ops.state("memory.padding", [batch, source])
  const compiled = (g: Graph): Promise<Program> => {
    const needed = Object.entries(constants).filter(([name]) => name in g.states)
    return backend.compile(g, { constants: Object.fromEntries(needed) })
  }
  const scope = rootScope()
  const encode = await compiled(encodeGraph(scope, config, batch))
  const next = decodeStep(
    scope,
    {
      tokens: ops.input("tokens", [rows], "int32"),
      position: ops.input("position", [1], "int32"),
      cache,
      parents: beams === 1 ? undefined : ops.input("parents", [batch, beams, beams]),
      memory,
      padding: ops.greater(padding, 0.5),
    },
    config,
  )
  const step = await compiled(graph({ outputs: { logits: next.logits }, updates: slotsByName("cache", next.cache) }))
  const slots = { ...slotsByName("memory", memory), ...slotsByName("cache", cache), "memory.padding": padding }
  const types = Object.entries(slots).map(([name, { shape, dtype }]) => [name, { shape, dtype }] as const)
  const state = await backend.createState(Object.fromEntries(types))
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
  const keys = slotsByName("memory", memoryKeys(scope, memory, config))
  return graph({ updates: { ...keys, "memory.padding": ops.cast(padding, "float32") } })
}

/** The slots that hold the keys and values of every layer. */
function keysAndValues(prefix: string, depth: number, shape: Shape): KeysAndValues {
  const slots = (part: string): Tensor[] =>
    Array.from({ length: depth }, (_, i) => ops.state(`${prefix}.${part}.${i}`, shape))
  return { keys: slots("keys"), values: slots("values") }
}

/** Keys and values under the names of their slots. */
function slotsByName(prefix: string, { keys, values }: KeysAndValues): Record<string, Tensor> {
  const pairs = (part: string, tensors: readonly Tensor[]): [string, Tensor][] =>
    tensors.map((t, i) => [`${prefix}.${part}.${i}`, t])
  return Object.fromEntries([...pairs("keys", keys), ...pairs("values", values)])
}

import { type Backend, gradients, graph, type HostData, ops, rootScope, type Tensor } from "@vitrine/core"
import { apart, type Golden, golden, goldenNames, tensor } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  createDecoder,
  type Hypothesis,
  type NextToken,
  beamSearch,
  seq2seq,
  type Seq2SeqConfig,
  seq2seqConfig,
  seq2seqParameters,
  sourceInput,
  sourceLength,
  textObjective,
} from "../src/index.ts"
import { backends, leaves, stateOf, stripped } from "./golden.ts"

const batch = 3
const open = (name: string): { file: Golden; config: Seq2SeqConfig } => {
  const file = golden(name)
  return { file, config: seq2seqConfig(file.json.config) }
}
const sourceOf = (file: Golden): HostData => tensor(file, "source").data
const paddingOf = (file: Golden): Uint8Array => Uint8Array.from(tensor(file, "padding").data)
const tokensInput = (config: Seq2SeqConfig): Tensor => ops.input("tokens", ["batch", config.length], "int32")
const paddingInput = (config: Seq2SeqConfig): Tensor => ops.input("padding", ["batch", sourceLength(config)], "bool")

interface Decoded extends Omit<Hypothesis, "tokens"> {
  readonly tokens: number[]
}

function expectSame(found: readonly (readonly Hypothesis[])[], expected: Decoded[][], tolerance: number): void {
  expect(found.map((own) => own.map(({ tokens, ended }) => ({ tokens, ended })))).toEqual(
    expected.map((own) => own.map(({ tokens, ended }) => ({ tokens, ended }))),
  )
  for (const [i, own] of expected.entries())
    for (const [k, { logProbabilities, score }] of own.entries()) {
      const actual = found[i]?.[k] as Hypothesis
      expect(Math.abs(actual.score - score)).toBeLessThan(tolerance * 10)
      expect(apart(actual.logProbabilities, { data: Float64Array.from(logProbabilities) })).toBeLessThan(tolerance * 10)
    }
}

describe.each(backends)("the paper's model on $name", ({ start, tolerance }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await start()
  })
  afterAll(() => backend.close())

  describe.each(goldenNames("seq2seq-"))("%s", (name) => {
    const { file, config } = open(name)

    it("has torch's logits and gradients", async () => {
      const { param, made } = leaves()
      const scope = rootScope({ param })
      const logits = seq2seq(scope, sourceInput(config), tokensInput(config), config, paddingInput(config))
      const rows = textObjective(config, file.json.smoothing).rows(scope)
      const loss = ops.div(ops.sum(ops.mul(rows.losses, rows.weights)), ops.sum(rows.weights))
      const grads = gradients([loss], [...made.values()])
      const named = Object.fromEntries([...made.keys()].map((each, i) => [`grad.${each}`, grads[i] as Tensor]))
      const program = await backend.compile(graph({ outputs: { logits, loss, ...named } }), { batch })
      const parameters = seq2seqParameters(config)
      expect(parameters.map((each) => each.name).toSorted()).toEqual(Object.keys(stripped(file, "param.")).toSorted())
      const state = await stateOf(backend, parameters, file)
      const inputs = {
        source: sourceOf(file),
        padding: paddingOf(file),
        tokens: tensor(file, "tokens").data,
        targets: tensor(file, "labels").data,
        weights: tensor(file, "weights").data,
      }
      const { loss: own, ...results } = await program.run(inputs, state)
      expect(Math.abs((own?.data[0] as number) / file.json.loss - 1)).toBeLessThan(tolerance)
      expect(Object.keys(results).length).toBe(parameters.length + 1)
      for (const [each, { data, shape }] of Object.entries(results)) {
        expect(shape, each).toEqual(tensor(file, each).shape)
        expect(apart(data, tensor(file, each)), each).toBeLessThan(tolerance)
      }
    })

    it("decodes what torch decodes without a cache, greedily and by beams", async () => {
      const decoding = createDecoder(backend, config, stripped(file, "trained."))
      for (const { hypotheses, ...options } of file.json.searches) {
        const found = await decoding.decode(sourceOf(file), batch, { ...options, padding: paddingOf(file) })
        expectSame(found, hypotheses, 1e-5)
      }
      await decoding.dispose()
    })

    it("decodes the same with the whole decoder for each token", async () => {
      const { param } = leaves()
      const logits = seq2seq(
        rootScope({ param }),
        sourceInput(config),
        tokensInput(config),
        config,
        paddingInput(config),
      )
      const program = await backend.compile(graph({ outputs: { logits } }), {
        batch,
        constants: stripped(file, "trained."),
      })
      const decoding = createDecoder(backend, config, stripped(file, "trained."))
      const options = { padding: paddingOf(file) }
      const cached = await decoding.decode(sourceOf(file), batch, options)
      const { length, vocabulary } = config
      const tokens = new Int32Array(batch * length)
      const plain = await beamSearch(
        async ({ position, tokens: last }: NextToken) => {
          last.forEach((token, i) => void (tokens[i * length + position] = token))
          const found = await program.run({ source: sourceOf(file), padding: paddingOf(file), tokens }, undefined)
          const all = found.logits?.data as Float32Array
          const at = (i: number): Float32Array =>
            all.subarray((i * length + position) * vocabulary, (i * length + position + 1) * vocabulary)
          return Float64Array.from(
            { length: batch * vocabulary },
            (_, i) => at(Math.floor(i / vocabulary))[i % vocabulary] as number,
          )
        },
        { ...config, batch },
      )
      expectSame(cached, plain as Decoded[][], Math.max(1e-12, tolerance))
      await decoding.dispose()
      await program.dispose()
    })
  })

  it("names a source that does not fit", async () => {
    const { file, config } = open("seq2seq-text")
    const decoding = createDecoder(backend, config, stripped(file, "trained."))
    await expect(decoding.decode(new Int32Array(20), 3)).rejects.toThrow("decode: source must have 21 values, got 20")
    await expect(decoding.decode(new Int32Array(21).fill(13), 3)).rejects.toThrow(
      "token 0 is 13, but the vocabulary has 0 to 12",
    )
    await expect(decoding.decode(new Int32Array(21), 3, { padding: new Uint8Array(7) })).rejects.toThrow(
      "decode: padding must have 21 values, got 7",
    )
    await expect(decoding.decode(new Int32Array(21), 3, { beams: 0 })).rejects.toThrow("beams must be an integer")
    await decoding.dispose()
  })
})

import { type Backend, gradients, graph, ops, rootScope, type Tensor } from "@vitrine/core"
import { apart, golden, goldenNames, tensor } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  causalMask,
  transformerDecoder,
  transformerEncoder,
  readTorchTransformer,
  type TransformerMasks,
  transformer,
  transformerConfig,
  transformerParameters,
} from "../src/index.ts"
import { backends, leaves, stateOf } from "./golden.ts"

describe.each(backends)("torch.nn.Transformer on $name", ({ start, tolerance }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await start()
  })
  afterAll(() => backend.close())

  it.each(goldenNames("transformer-"))("%s", async (name) => {
    const file = golden(name)
    const config = transformerConfig(file.json.config)
    const input = (each: string): Tensor => ops.input(each, tensor(file, each).shape)
    const marked = (each: string): Tensor | undefined =>
      each in file.tensors ? ops.greater(input(each), 0.5) : undefined
    const [source, target, seed] = [input("source"), input("target"), input("seed")]
    const padding = marked("sourcePadding")
    const masks: TransformerMasks = {
      targetMask: file.json.causal ? causalMask(target.shape[1] as number) : undefined,
      sourcePadding: padding,
      memoryPadding: padding,
      targetPadding: marked("targetPadding"),
      memoryMask: marked("memoryMask"),
    }
    const { param, made } = leaves()
    const scope = rootScope({ param })
    const output = transformer(scope, source, target, config, masks)
    const memory = transformerEncoder(scope, source, config, masks)
    const wrt = { source, target, ...Object.fromEntries(made) }
    const grads = gradients([ops.sum(ops.mul(output, seed))], Object.values(wrt))
    const named = Object.keys(wrt).map((each, i): [string, Tensor] => [`grad.${each}`, grads[i] as Tensor])
    const outputs = {
      output,
      memory,
      again: transformerDecoder(scope, target, memory, config, masks),
      ...Object.fromEntries(named),
    }

    const program = await backend.compile(graph({ outputs }))
    const state = await stateOf(backend, transformerParameters(config), file)
    const given = ["source", "target", "seed", "sourcePadding", "targetPadding", "memoryMask"]
    const inputs = given.flatMap((each) =>
      each in file.tensors ? [[each, Float32Array.from(tensor(file, each).data)] as const] : [],
    )
    const { again, ...results } = await program.run(Object.fromEntries(inputs), state)
    expect(again?.data).toEqual(results.output?.data)
    expect(Object.keys(results).length).toBe(
      Object.keys(file.tensors).filter((each) => /^(grad|out|mem.*y$)/.test(each)).length,
    )
    for (const [each, { data, shape }] of Object.entries(results)) {
      expect(shape, each).toEqual(tensor(file, each).shape)
      expect(apart(data, tensor(file, each)), each).toBeLessThan(tolerance)
    }
    await program.dispose()
    await state.dispose()
  })
})

describe("a state dict", () => {
  const shapesOf = (name: string): Map<string, readonly number[]> =>
    new Map(
      Object.entries(golden(name).tensors).flatMap(([key, { shape }]) =>
        key.startsWith("param.") ? [[key.slice("param.".length), shape] as const] : [],
      ),
    )
  const hints = (name: string): Parameters<typeof readTorchTransformer>[1] => {
    const { heads, activation, normFirst, layerNormEpsilon } = golden(name).json.config
    return { heads, activation, normFirst, layerNormEpsilon, dropout: 0 }
  }

  it.each(goldenNames("transformer-"))("tells the model of %s", (name) => {
    const { config, names } = readTorchTransformer(shapesOf(name), hints(name))
    expect(config).toEqual(golden(name).json.config)
    expect([...names.values()].toSorted()).toEqual([...shapesOf(name).keys()].toSorted())
  })

  it("may be of a module with a Transformer in it", () => {
    const shapes = new Map([...shapesOf("transformer-post")].map(([key, shape]) => [`net.core.${key}`, shape]))
    const { names } = readTorchTransformer(new Map([...shapes, ["net.head.weight", [3, 4]]]), hints("transformer-post"))
    expect(names.get("encoder.norm.bias")).toBe("net.core.encoder.norm.bias")
  })

  it("is refused with a word about what is wrong", () => {
    const read =
      (change: (shapes: Map<string, readonly number[]>) => void, heads = 3) =>
      () => {
        const shapes = shapesOf("transformer-post")
        change(shapes)
        return readTorchTransformer(shapes, { heads })
      }
    expect(read((shapes) => shapes.clear())).toThrow(
      "holds no torch.nn.Transformer: no tensor is named encoder.layers.0",
    )
    expect(read((shapes) => shapes.delete("decoder.layers.1.norm3.weight"))).toThrow(
      "tensor decoder.layers.1.norm3.weight is missing",
    )
    expect(read((shapes) => shapes.set("decoder.layers.0.linear2.weight", [12, 21]))).toThrow(
      "tensor decoder.layers.0.linear2.weight is [12,21], expected [12,20]",
    )
    expect(read((shapes) => shapes.set("encoder.layers.7.norm1.weight", [12]))).toThrow(
      "tensor encoder.layers.7.norm1.weight belongs to no layer",
    )
    expect(read(() => {}, 5)).toThrow("5 do not divide 12")
  })
})

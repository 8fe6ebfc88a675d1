import { describe, expect, it } from "vitest"
import {
  type Dim,
  graph,
  initializeViT,
  type InitScheme,
  keyFromSeed,
  ops,
  printGraph,
  rootScope,
  type Scope,
  type ScopeOptions,
  type Tensor,
  prefixPositionCount,
  prefixTokens,
  tokenCount,
  type ViTConfig,
  vit,
  vitConfig,
  vitHeads,
  vitParameters,
} from "../src/index.ts"

const config = vitConfig({ imageSize: [8, 12], patchSize: [4, 4], dim: 16, depth: 2, heads: 2, mlpDim: 40, classes: 5 })
const images = ops.input("images", ["batch", 8, 12, 3])

interface Traced {
  readonly logits: Tensor
  readonly taps: Record<string, Tensor>
}

function trace(model: ViTConfig, options: ScopeOptions = {}): Traced {
  const taps: Record<string, Tensor> = {}
  const onTap = (name: string, t: Tensor): void => {
    expect(taps).not.toHaveProperty([name])
    taps[name] = t
  }
  return { logits: vit(rootScope({ ...options, onTap }), images, model), taps }
}

const listing = (t: Tensor): string => printGraph(graph({ outputs: { t } }))

describe("taps", () => {
  const tokens = tokenCount(config)
  const block: Record<string, readonly Dim[]> = {
    norm1: ["batch", tokens, 16],
    "attn.q": ["batch", 2, tokens, 8],
    "attn.k": ["batch", 2, tokens, 8],
    "attn.v": ["batch", 2, tokens, 8],
    "attn.scores": ["batch", 2, tokens, tokens],
    "attn.weights": ["batch", 2, tokens, tokens],
    "attn.context": ["batch", 2, tokens, 8],
    "attn.proj": ["batch", tokens, 16],
    residual1: ["batch", tokens, 16],
    norm2: ["batch", tokens, 16],
    "mlp.fc1": ["batch", tokens, 40],
    "mlp.hidden": ["batch", tokens, 40],
    "mlp.output": ["batch", tokens, 16],
    residual2: ["batch", tokens, 16],
  }
  const all: Record<string, readonly Dim[]> = {
    "patch_embed.patches": ["batch", 2, 3, 4, 4, 3],
    "patch_embed.flattened": ["batch", 6, 48],
    "patch_embed.embeddings": ["batch", 6, 16],
    class_token: [1, 1, 16],
    positions: [1, 7, 16],
    tokens: ["batch", 7, 16],
    ...Object.fromEntries(
      [0, 1].flatMap((i) => [
        ...Object.entries(block).map(([name, shape]) => [`blocks.${i}.${name}`, shape]),
        [`blocks.${i}`, block.residual2],
      ]),
    ),
    norm: ["batch", 7, 16],
    pooled: ["batch", 16],
    logits: ["batch", 5],
    probabilities: ["batch", 5],
  }

  it("show every step, with its shape", () => {
    const { taps } = trace(config, { taps: "all" })
    expect(Object.fromEntries(Object.entries(taps).map(([name, { shape }]) => [name, shape]))).toEqual(all)
  })
  for (const [name, shape] of Object.entries(all))
    it(`${name} can be asked for alone`, () => {
      const { taps } = trace(config, { taps: [name] })
      expect(Object.keys(taps)).toEqual([name])
      expect(taps[name]?.shape).toEqual(shape)
    })
  it("of a whole part are asked for by a star", () => {
    expect(Object.keys(trace(config, { taps: ["blocks.1.attn.*"] }).taps)).toEqual(
      ["q", "k", "v", "scores", "weights", "context", "proj"].map((name) => `blocks.1.attn.${name}`),
    )
    expect(Object.keys(trace(config, { taps: ["blocks.1.*"] }).taps).every((n) => n.startsWith("blocks.1."))).toBe(true)
  })
  it("that are asked for in another part take nothing apart", () => {
    const { logits } = trace(config, { taps: ["blocks.1.attn.weights"] })
    expect(graph({ outputs: { logits } }).nodes.filter(({ op }) => op === "attention").length).toBe(1)
  })
  it("leave the graph as it is where none are asked for", () => {
    const plain = listing(trace(config).logits)
    expect(listing(trace(config, { taps: [] }).logits)).toBe(plain)
    expect(listing(trace(config, { taps: ["no.such.tap", "blocks.7.*"] }).logits)).toBe(plain)
    const cheap = Object.keys(all).filter((name) => !/scores|weights|^norm$|probabilities/.test(name))
    expect(listing(trace(config, { taps: cheap }).logits)).toBe(plain)
  })
})

describe("the model", () => {
  it("is one attention a block", () => {
    const ops = graph({ outputs: { y: trace(config).logits } }).nodes.map(({ op }) => op)
    expect(ops.filter((op) => op === "attention").length).toBe(2)
    expect(ops.filter((op) => op === "layerNorm").length).toBe(5)
  })
  it("without a head gives the pooled features", () => {
    const { logits, taps } = trace(vitConfig({ ...config, classes: 0 }), { taps: ["pooled"] })
    expect(logits.shape).toEqual(["batch", 16])
    expect(taps["pooled"]).toBe(logits)
  })
  it("gives each head by itself where there are two, and their mean as its logits", () => {
    const two = vitConfig({ ...config, distillationToken: true })
    const { logits, distilled } = vitHeads(rootScope(), images, two)
    expect([logits.shape, distilled?.shape]).toEqual([
      ["batch", 5],
      ["batch", 5],
    ])
    expect(listing(ops.mul(ops.add(logits, distilled as Tensor), 0.5))).toBe(listing(trace(two).logits))
    expect(vitHeads(rootScope(), images, config).distilled).toBe(null)
  })
  it("counts every token that stands before the patches", () => {
    const many = vitConfig({ ...config, distillationToken: true, registers: 3 })
    const rows = (model: ViTConfig): number | undefined =>
      vitParameters(model).find(({ name }) => name === "pos_embed")?.shape[1]
    expect([prefixTokens(many), tokenCount(many), prefixPositionCount(many), rows(many)]).toEqual([5, 11, 5, 11])
    const bare = { ...many, prefixPositions: false }
    expect([prefixTokens(bare), tokenCount(bare), prefixPositionCount(bare), rows(bare)]).toEqual([5, 11, 0, 6])
    expect(trace(bare, { taps: ["tokens"] }).taps["tokens"]?.shape).toEqual(["batch", 11, 16])
  })
  it("asks for parameters of the right shape, by their full names", () => {
    const param: Scope["param"] = () => ops.state("x", [1])
    expect(() =>
      vit(rootScope({ param: ({ name, shape, role }) => param(name, shape, role) }), images, config),
    ).toThrow("parameter patch_embed.proj.weight must be [16, 3, 4, 4], got [1]")
  })
  it("drops nothing without a key, and everything that it should with one", () => {
    const dropping = vitConfig({ ...config, dropout: 0.1, attentionDropout: 0.2, stochasticDepth: 0.3 })
    expect(listing(trace(dropping).logits)).toBe(listing(trace(config).logits))
    const key = ops.input("key", [2], "int32")
    const masks = graph({ outputs: { y: trace(dropping, { key }).logits } })
      .nodes.filter(({ op }) => op === "dropoutMask")
      .map(({ attributes }) => attributes as { path: string; rate: number })
    expect(Object.fromEntries(masks.map(({ path, rate }) => [path, rate]))).toEqual({
      pos_drop: 0.1,
      "blocks.0.attn.weights": 0.2,
      "blocks.0.attn.drop": 0.1,
      "blocks.0.mlp.drop1": 0.1,
      "blocks.0.mlp.drop": 0.1,
      "blocks.1.attn.weights": 0.2,
      "blocks.1.attn.drop": 0.1,
      "blocks.1.attn.drop_path": 0.3,
      "blocks.1.mlp.drop1": 0.1,
      "blocks.1.mlp.drop": 0.1,
      "blocks.1.mlp.drop_path": 0.3,
    })
  })
  it("drops what a layer gives before a norm behind it, as timm does", () => {
    const key = ops.input("key", [2], "int32")
    const dropping = vitConfig({ ...config, postNorm: true, dropout: 0.1 })
    const { tokens, "blocks.0.norm1": norm1, "blocks.0.residual1": sum } = trace(dropping, { key, taps: "all" }).taps
    if (!tokens || !norm1 || !sum) throw new Error("a tap is missing")
    expect(listing(sum)).toBe(listing(ops.add(tokens, norm1)))
  })
  it("lets stochastic depth grow linearly from 0", () => {
    const deep = vitConfig({ ...config, depth: 5, stochasticDepth: 0.2 })
    const key = ops.input("key", [2], "int32")
    const rates = graph({ outputs: { y: trace(deep, { key }).logits } }).nodes.flatMap(({ op, attributes }) =>
      op === "dropoutMask" ? [(attributes as { rate: number }).rate] : [],
    )
    expect([...new Set(rates)]).toEqual([0.05, 0.1, 0.15000000000000002, 0.2])
    const shapes = graph({ outputs: { y: trace(deep, { key }).logits } })
    for (const { op, outputs } of shapes.nodes)
      if (op === "dropoutMask") expect(shapes.values[outputs[0]]?.shape).toEqual(["batch", 1, 1])
  })
})

describe("initial values", () => {
  const wide = vitConfig({
    imageSize: [32, 32],
    patchSize: [8, 8],
    dim: 128,
    depth: 1,
    heads: 2,
    mlpDim: 256,
    classes: 100,
    preLogits: { dim: 128, activation: "tanh" },
  })
  const parameters = vitParameters(wide)
  const start = (scheme: InitScheme, seed = 1): Record<string, Float32Array> =>
    initializeViT(parameters, wide, scheme, keyFromSeed(seed))
  const moments = (values: Float32Array | undefined): { mean: number; std: number; largest: number } => {
    const list = Array.from(values ?? [])
    const mean = list.reduce((a, b) => a + b, 0) / list.length
    const std = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length)
    return { mean, std, largest: Math.max(...list.map(Math.abs)) }
  }
  const uniform = (bound: number) => ({ std: bound / Math.sqrt(3), largest: bound })
  const expected: Record<InitScheme, Record<string, { std: number; largest?: number }>> = {
    paper: {
      "patch_embed.proj.weight": { std: 1 / Math.sqrt(192) },
      "blocks.0.attn.qkv.weight": uniform(Math.sqrt(6 / 256)),
      "blocks.0.attn.proj.weight": uniform(Math.sqrt(6 / 256)),
      "blocks.0.mlp.fc1.weight": uniform(Math.sqrt(6 / 384)),
      "blocks.0.mlp.fc1.bias": { std: 1e-6 },
      pos_embed: { std: 0.02 },
      cls_token: { std: 0 },
      "head.weight": { std: 0 },
    },
    timm: {
      "patch_embed.proj.bias": uniform(1 / Math.sqrt(192)),
      "patch_embed.proj.weight": uniform(1 / Math.sqrt(192)),
      "blocks.0.attn.qkv.weight": { std: 0.02 },
      "blocks.0.mlp.fc2.weight": { std: 0.02 },
      "blocks.0.mlp.fc1.bias": { std: 0 },
      pos_embed: { std: 0.02 },
      cls_token: { std: 1e-6 },
      "head.weight": { std: 0.02 },
    },
    fan: {
      "patch_embed.proj.weight": { std: 1 / Math.sqrt(192) },
      "blocks.0.attn.qkv.weight": { std: 1 / Math.sqrt(128) },
      "blocks.0.mlp.fc2.weight": { std: 1 / Math.sqrt(256) },
      pos_embed: { std: 0.5, largest: 2 },
      cls_token: { std: 1e-6 },
      "head.weight": { std: 0 },
    },
  }
  for (const scheme of ["paper", "timm", "fan"] as const)
    it(`of the ${scheme} scheme have its distributions`, () => {
      const values = start(scheme)
      expect(Object.keys(values)).toEqual(parameters.map(({ name }) => name))
      for (const [name, { std, largest }] of Object.entries(expected[scheme])) {
        const found = moments(values[name])
        const tolerance = Math.max(0.03, 3 / Math.sqrt(values[name]?.length ?? 1)) * std
        expect(Math.abs(found.std - std), `${name}: std ${found.std}`).toBeLessThanOrEqual(tolerance)
        expect(Math.abs(found.mean), `${name}: mean`).toBeLessThanOrEqual(
          (5 * std) / Math.sqrt(values[name]?.length ?? 1),
        )
        if (largest !== undefined) expect(found.largest, name).toBeLessThanOrEqual(largest * (1 + 1e-6))
      }
      for (const { name, role } of parameters) {
        if (role === "scale") expect(new Set(values[name])).toEqual(new Set([1]))
        if (role === "bias" && !name.includes(".mlp.") && name !== "patch_embed.proj.bias")
          expect(new Set(values[name])).toEqual(new Set([0]))
      }
    })
  it("of later parts are those of their papers", () => {
    const later = vitConfig({ ...wide, pool: "map", preLogits: null, registers: 2, gatedMlp: true, layerScale: 1e-5 })
    const distilled = vitConfig({ ...wide, preLogits: null, distillationToken: true })
    const values = {
      ...initializeViT(vitParameters(distilled), distilled, "paper", keyFromSeed(1)),
      ...initializeViT(vitParameters(later), later, "paper", keyFromSeed(1)),
    }
    for (const [name, std, largest] of [
      ["attn_pool.latent", 1 / Math.sqrt(128)],
      ["dist_token", 0.02],
      ["reg_token", 0],
      ["head_dist.weight", 0],
      ["attn_pool.kv.weight", Math.sqrt(2 / 256), Math.sqrt(6 / 256)],
      ["blocks.0.mlp.fc1.weight", Math.sqrt(2 / 384), Math.sqrt(6 / 384)],
    ] as const) {
      const found = moments(values[name])
      expect(Math.abs(found.std - std), name).toBeLessThanOrEqual((3 * std) / Math.sqrt(values[name]?.length ?? 1))
      if (largest !== undefined) expect(found.largest, name).toBeLessThanOrEqual(largest * (1 + 1e-6))
    }
    expect(new Set(values["blocks.0.ls1.gamma"])).toEqual(new Set([Math.fround(1e-5)]))
  })
  it("depend on the key and on each name alone", () => {
    expect(start("fan", 1)).toEqual(start("fan", 1))
    const [a, b] = [start("fan", 1), start("fan", 2)]
    expect(a["pos_embed"]).not.toEqual(b["pos_embed"])
    const few = parameters.filter(({ name }) => name.startsWith("blocks.0.attn"))
    const alone = initializeViT([...few].reverse(), wide, "fan", keyFromSeed(1))
    for (const { name } of few) expect(alone[name]).toEqual(a[name])
    expect(a["blocks.0.attn.proj.weight"]).not.toEqual(a["blocks.0.attn.qkv.weight"]?.slice(0, 128 * 128))
  })
  it("of sine positions are the table of MoCo v3", () => {
    for (const classToken of [true, false]) {
      const model = vitConfig({ ...config, positions: "sincos2d", classToken, pool: classToken ? "token" : "average" })
      const { pos_embed: table } = initializeViT(vitParameters(model), model, "paper", keyFromSeed(1))
      const [dim, rows, columns, lead] = [16, 2, 3, classToken ? 1 : 0]
      if (classToken) expect(new Set(table?.slice(0, dim))).toEqual(new Set([0]))
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++)
          for (let i = 0; i < 4; i++) {
            const omega = 1 / 10000 ** (i / 3)
            const at = (quarter: number): number =>
              table?.[(lead + y * columns + x) * dim + quarter * 4 + i] ?? Number.NaN
            expect([at(0), at(1), at(2), at(3)]).toEqual(
              [Math.sin(x * omega), Math.cos(x * omega), Math.sin(y * omega), Math.cos(y * omega)].map(Math.fround),
            )
          }
    }
  })
})

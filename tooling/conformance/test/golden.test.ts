import { referenceBackend } from "@vitrine/backend-reference"
import { gradients, graph, type HostTensor, ops, type Tensor, vitConfig } from "@vitrine/core"
import { type GoldenTensor, golden, goldenNames } from "@vitrine/golden"
import { describe, expect, it } from "vitest"
import { difference } from "../src/compare.ts"
import { imagesOf, lossOf, trace } from "../src/models.ts"

/** The name of our tap for a module of PyTorch in a golden file. */
function tapName(name: string): string {
  if (name.startsWith("patch_embed.")) return name
  const inBlock = /^(blocks\.\d+)(?:\.(\w+))?$/.exec(name)
  if (inBlock !== null) {
    const [, block, part = ""] = inBlock
    const ours: Record<string, string> = {
      "": "residual2",
      mid: "residual1",
      mlp: "mlp.output",
      mlp_hidden: "mlp.hidden",
      attn: "attn.weights",
      in_norm: "in_norm",
      norm1: "norm1",
      norm2: "norm2",
    }
    return `${block}.${ours[part] ?? `attn.${part}`}`
  }
  // timm's `features` are pooled and normed. Our tap with these values is `pooled`.
  return name === "patch_embed" ? "patch_embed.embeddings" : name === "features" ? "pooled" : name
}

const hybrids = goldenNames("hybrid-").filter((name) => name !== "hybrid-variants")

const rotaries = goldenNames("rotary-")

describe.each([...goldenNames("vit-").filter((name) => name !== "vit-folder-tiny"), ...hybrids, ...rotaries])(
  "%s in float64",
  (name) => {
    const { json, tensors } = golden(name)
    const config = vitConfig(json.config)
    const given = (prefix: string): Record<string, GoldenTensor> =>
      Object.fromEntries(
        Object.entries(tensors).flatMap(([key, t]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), t]] : [])),
      )
    const images = imagesOf(config, 3)
    const { logits, parameters, taps } = trace(config, images, { taps: "all" })
    const loss = lossOf(logits, ops.input("targets", logits.shape), ops.input("weights", [3]))

    const run = async (outputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, HostTensor>>> => {
      const backend = referenceBackend()
      const params = given("param.")
      const slots = Object.fromEntries(
        Object.entries(params).map(([key, { shape }]) => [key, { shape, dtype: "float32" as const }]),
      )
      const s = await backend.createState(
        slots,
        Object.fromEntries(Object.entries(params).map(([k, { data }]) => [k, data])),
      )
      const program = await backend.compile(graph({ outputs }))
      const inputs = Object.fromEntries(["images", "targets", "weights"].map((key) => [key, tensors[key]?.data ?? []]))
      return program.run(inputs as Record<string, Float32Array>, s)
    }
    const close = (found: HostTensor | undefined, expected: GoldenTensor | undefined, what: string): void => {
      expect(found?.shape, what).toEqual(expected?.shape)
      const fault = difference((found as HostTensor).data, (expected as GoldenTensor).data, {
        absolute: 1e-15,
        relative: 1e-9,
      })
      expect(fault, what).toBeUndefined()
    }

    it("has our parameters", () => {
      expect(Object.fromEntries(Object.entries(parameters).map(([key, { shape }]) => [key, shape]))).toEqual(
        Object.fromEntries(Object.entries(given("param.")).map(([key, { shape }]) => [key, shape])),
      )
    })
    it("gives our logits and loss", async () => {
      const found = await run({ logits, loss })
      close(found["logits"], tensors["logits"], "logits")
      expect(Math.abs((found["loss"]?.data[0] ?? 0) / json.loss - 1)).toBeLessThan(1e-12)
    })
    it("gives our gradients", async () => {
      const names = Object.keys(parameters)
      const made = gradients([loss], Object.values(parameters))
      const found = await run(Object.fromEntries(names.map((key, i) => [key, made[i] as Tensor])))
      const expected = given("grad.")
      expect(Object.keys(expected).sort()).toEqual([...names].sort())
      for (const [key, t] of Object.entries(expected)) close(found[key], t, key)
    })
    it("goes through our taps", async () => {
      const expected = Object.entries(given("tap.")).filter(([key]) => key !== "pooled")
      expect(expected.length).toBeGreaterThan(hybrids.includes(name) ? 2 : 10)
      const found = await run(taps)
      for (const [key, t] of expected) close(found[tapName(key)], t, key)
    })
  },
)

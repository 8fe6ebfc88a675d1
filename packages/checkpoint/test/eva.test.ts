import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { type ViTConfig, VitrineError, vitConfig } from "@vitrine/core"
import { golden, goldenNames } from "@vitrine/golden"
import { describe, expect, test } from "vitest"
import { beyondTimm, fromTimmConfig, imageModel, type ModelConfig, toTimm, toTimmConfig } from "../src/index.ts"
import { evaArchitectures } from "../src/families/vit/eva-architectures.ts"
import type { Preprocessing } from "../src/preprocessing.ts"

interface Built {
  readonly cases: readonly {
    readonly json: { readonly architecture: string; readonly model_args: object }
    readonly expected: Partial<ViTConfig>
    /** A digest of the names and shapes of all parameters. */
    readonly parameters: string
  }[]
  readonly refused: Readonly<Record<string, string>>
}

const built: Built = JSON.parse(readFileSync(new URL("golden/files/eva.json", import.meta.url), "utf8"))

const preprocessing = ({ imageSize, channels }: ModelConfig): Preprocessing => ({
  size: imageSize,
  interpolation: "bicubic",
  cropPct: 1,
  cropMode: "center",
  mean: Array.from({ length: channels }, () => 0.5),
  std: Array.from({ length: channels }, () => 0.5),
})

/** What timm makes of a model's own `config.json`. */
async function throughTimm(config: ModelConfig): Promise<ModelConfig> {
  const json = await toTimmConfig(config, { preprocessing: preprocessing(config) })
  return (await fromTimmConfig({ ...json, vitrine: undefined }, "c.json")).config
}

describe("the models that timm's Eva builds", () => {
  test.each(built.cases.map((each) => [each.json.architecture, each.json.model_args, each] as const))(
    "%s %j",
    async (_name, _args, { json, expected, parameters }) => {
      const { config } = await fromTimmConfig(json, "c.json")
      expect(config).toEqual(vitConfig(expected))
      const lines = imageModel(config).parameters.map((each) => `${each.name} ${each.shape.join("x")}`)
      expect(createHash("sha256").update(lines.sort().join("\n")).digest("hex")).toBe(parameters)
      expect(await beyondTimm(config)).toEqual([])
      expect(await throughTimm(config)).toEqual(config)
    },
  )

  test("are all in the table, and no others", async () => {
    expect([...evaArchitectures.keys()].sort()).toEqual(
      [...new Set(built.cases.map((c) => c.json.architecture))].sort(),
    )
    for (const architecture of Object.keys(built.refused))
      await expect(fromTimmConfig({ architecture }, "c.json")).rejects.toThrow(`architecture "${architecture}" is not`)
  })

  test.each(goldenNames("rotary-"))("%s, as timm saves it", async (name) => {
    const { json } = golden(name)
    const { config } = await fromTimmConfig(json.timm, "c.json")
    expect(config).toEqual(vitConfig(json.config))
    expect(await throughTimm(config)).toEqual(config)
  })
})

describe("arguments of timm's Eva", () => {
  const refused: readonly (readonly [object, string])[] = [
    [{ rope_type: "mrope" }, 'model_args.rope_type must be one of cat, mixed, dinov3, got "mrope"'],
    [{ num_kv_heads: 2 }, "model_args.num_kv_heads is 2: Vitrine does not have groups of queries with one key"],
    [
      { swiglu_mlp: true, global_pool: "map" },
      "model_args.swiglu_mlp: Vitrine does not have it beside a pool by attention, whose MLP has gelu",
    ],
    [{ norm_layer: "rmsnorm" }, 'model_args.norm_layer is "rmsnorm": Vitrine does not have another norm'],
    [{ reg_tokens: 2 }, "model_args.reg_tokens is not known to Vitrine"],
    [
      { use_fc_norm: true, use_post_transformer_norm: true },
      "model_args.use_fc_norm and use_post_transformer_norm: Vitrine has one norm after the blocks",
    ],
    [{ rope_type: "mixed", rope_rotate_half: true }, "model_args: learned frequencies turn neighbours"],
    [{ rope_temperature: 0 }, "positions.temperature must be above 0, got 0"],
  ]
  test.each(refused)("%j are refused", async (model_args, message) => {
    const json = { architecture: "vit_small_patch16_rope_224", model_args }
    await expect(fromTimmConfig(json, "c.json")).rejects.toThrow(message)
    await expect(fromTimmConfig(json, "c.json")).rejects.toBeInstanceOf(VitrineError)
  })

  test("of the training alone are passed over", async () => {
    const args = {
      rope_rescale_coords: 2,
      rope_jitter_coords: 1.5,
      rope_shift_coords: 0.1,
      drop_rate: 0.1,
      patch_drop_rate: 0.2,
    }
    const json = { architecture: "vit_small_patch16_dinov3", model_args: args }
    const plain = await fromTimmConfig({ architecture: "vit_small_patch16_dinov3" }, "c.json")
    expect((await fromTimmConfig(json, "c.json")).config).toEqual(plain.config)
  })
})

describe("models that timm's Eva cannot be given", () => {
  const { config: eva02 } = golden("rotary-eva02").json
  const { config: dinov3 } = golden("rotary-dinov3").json
  test.each([
    [{ ...eva02, activation: "gelu" }, "MLPs with gelu"],
    [{ ...eva02, projBias: false }, "layers without biases"],
    [{ ...eva02, mlpNorm: true }, "one matrix for both layers of a gated MLP that is normed"],
    [{ ...dinov3, poolPrefix: true }, "an average over the tokens before the patches"],
    [{ ...dinov3, preLogits: { dim: 8, activation: "tanh" } }, "a hidden layer of 8 before the logits"],
    [{ ...eva02, positions: "learned", layerScale: 0.1 }, "LayerScale without rotary positions"],
  ])("%#: %s", async (fields, reason) => {
    const config = vitConfig(fields)
    expect(await beyondTimm(config)).toContain(reason)
    const model = { config, preprocessing: preprocessing(config), labels: null, positionMethod: "timm" } as const
    await expect(toTimm(model)).rejects.toThrow(`timm does not have this model, with`)
  })

  test("take timm's ε with a note", async () => {
    const config = vitConfig({ ...dinov3, layerNormEpsilon: 1e-7 })
    const made = await toTimm({ config, preprocessing: preprocessing(config), labels: null, positionMethod: "timm" })
    expect(made.notes).toEqual(["timm norms with ε = 0.000001, this model with 1e-7: logits differ a little"])
  })
})

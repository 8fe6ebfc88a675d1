/** Arguments of timm's constructor of `Eva`, with timm's names and defaults. */
export interface EvaArgs {
  readonly img_size?: number | undefined
  readonly patch_size: number
  readonly embed_dim: number
  readonly depth: number
  readonly num_heads: number
  readonly mlp_ratio: number
  readonly qkv_bias: boolean
  readonly qkv_fused: boolean
  readonly qk_norm: boolean
  readonly swiglu_mlp: boolean
  readonly swiglu_align_to: number
  readonly scale_mlp: boolean
  readonly scale_attn_inner: boolean
  /** The kind of attention. In `eva`, keys have no bias. */
  readonly attn_type: "eva" | "rope"
  readonly init_values?: number | undefined
  readonly class_token: boolean
  readonly num_reg_tokens: number
  readonly no_embed_class: boolean
  readonly use_abs_pos_emb: boolean
  readonly use_rot_pos_emb: boolean
  readonly rope_type: "cat" | "mixed" | "dinov3"
  readonly rope_grid_offset: number
  readonly rope_grid_indexing: "ij" | "xy"
  readonly rope_temperature: number
  readonly rope_rotate_half: boolean
  readonly ref_feat_shape?: readonly [rows: number, columns: number] | undefined
  readonly use_post_norm: boolean
  readonly use_pre_transformer_norm: boolean
  readonly use_post_transformer_norm?: boolean | undefined
  readonly use_fc_norm?: boolean | undefined
  readonly global_pool?: "token" | "avg" | "map" | undefined
  readonly attn_pool_num_heads?: number | undefined
  readonly attn_pool_mlp_ratio?: number | undefined
  readonly dynamic_img_size: boolean
  /** ε of the LayerNorm. In timm the argument is a function. */
  readonly norm_epsilon: number
}

const defaults: EvaArgs = {
  patch_size: 16,
  embed_dim: 768,
  depth: 12,
  num_heads: 12,
  mlp_ratio: 4,
  qkv_bias: true,
  qkv_fused: true,
  qk_norm: false,
  swiglu_mlp: false,
  swiglu_align_to: 0,
  scale_mlp: false,
  scale_attn_inner: false,
  attn_type: "eva",
  class_token: true,
  num_reg_tokens: 0,
  no_embed_class: false,
  use_abs_pos_emb: true,
  use_rot_pos_emb: false,
  rope_type: "cat",
  rope_grid_offset: 0,
  rope_grid_indexing: "ij",
  rope_temperature: 10000,
  rope_rotate_half: false,
  use_post_norm: false,
  use_pre_transformer_norm: false,
  dynamic_img_size: false,
  norm_epsilon: 1e-6,
}

type Differences = Partial<EvaArgs>

const size = (embed_dim: number, depth: number, num_heads: number): Differences => ({ embed_dim, depth, num_heads })

const tiny = size(192, 12, 3)
const small = size(384, 12, 6)
const base = size(768, 12, 12)
const large = size(1024, 24, 16)
const giant = { ...size(1408, 40, 16), mlp_ratio: 6144 / 1408 }

const enormous = { ...size(1792, 64, 16), mlp_ratio: 15360 / 1792 }

const reference = (side: number): Differences => ({ ref_feat_shape: [side, side] })
const eva02 = { mlp_ratio: (4 * 2) / 3, swiglu_mlp: true, use_rot_pos_emb: true, ...reference(16) } as const
const normed = { ...eva02, qkv_fused: false, scale_mlp: true } as const
const clip = { ...normed, scale_attn_inner: true, global_pool: "token" } as const
const registers = (num_reg_tokens: number): Differences => ({
  img_size: 256,
  init_values: 1e-5,
  class_token: false,
  num_reg_tokens,
  use_rot_pos_emb: true,
  use_abs_pos_emb: false,
  ...reference(16),
})

const perception = (side: number): Differences => ({
  attn_type: "rope",
  use_pre_transformer_norm: true,
  use_rot_pos_emb: true,
  rope_grid_offset: 1,
  rope_grid_indexing: "xy",
  norm_epsilon: 1e-5,
  ...reference(side),
})
const core = { global_pool: "map", attn_pool_num_heads: 8, attn_pool_mlp_ratio: 4 } as const
const bare = { use_post_transformer_norm: false, use_fc_norm: false } as const
const gigantic = {
  ...size(1536, 50, 16),
  mlp_ratio: 8960 / 1536,
  class_token: false,
  rope_grid_offset: 0,
} as const

const axial: Differences = {
  attn_type: "rope",
  init_values: 1e-5,
  global_pool: "token",
  use_abs_pos_emb: false,
  use_rot_pos_emb: true,
  rope_grid_indexing: "xy",
  rope_temperature: 100,
}
const mixed = { ...axial, rope_type: "mixed", rope_temperature: 10 } as const
const table = { use_abs_pos_emb: true, no_embed_class: true } as const

const unbiased = { qkv_bias: false } as const
const dinov3: Differences = {
  init_values: 1e-5,
  rope_type: "dinov3",
  rope_temperature: 100,
  rope_rotate_half: true,
  use_rot_pos_emb: true,
  use_abs_pos_emb: false,
  num_reg_tokens: 4,
  use_fc_norm: false,
  dynamic_img_size: true,
  norm_epsilon: 1e-5,
}
const gated = (swiglu_align_to: number) => ({ swiglu_mlp: true, swiglu_align_to }) as const
const lingbot = { ...dinov3, global_pool: "token" } as const
const plus = { ...dinov3, ...gated(8) } as const
const hugePlus = { ...size(1280, 32, 20), ...plus } as const

/** The names of architectures. Names contain the patch size, and some contain the image size. */
const argsAndNames: readonly (readonly [Differences, names: string])[] = [
  [giant, "eva_giant_patch14_224 eva_giant_patch14_336 eva_giant_patch14_560"],
  [{ ...giant, global_pool: "token" }, "eva_giant_patch14_clip_224"],
  [{ ...tiny, ...eva02 }, "eva02_tiny_patch14_224 eva02_tiny_patch14_336"],
  [{ ...small, ...eva02 }, "eva02_small_patch14_224 eva02_small_patch14_336"],
  [{ ...base, ...normed }, "eva02_base_patch14_224 eva02_base_patch14_448"],
  [{ ...large, ...normed }, "eva02_large_patch14_224 eva02_large_patch14_448"],
  [{ ...base, ...clip }, "eva02_base_patch16_clip_224"],
  [{ ...large, ...clip }, "eva02_large_patch14_clip_224 eva02_large_patch14_clip_336"],
  [{ ...enormous, use_post_norm: true, global_pool: "token" }, "eva02_enormous_patch14_clip_224"],

  [{ ...size(512, 12, 8), ...registers(1) }, "vit_medium_patch16_rope_reg1_gap_256"],
  [{ ...size(512, 20, 8), ...registers(1), ...unbiased }, "vit_mediumd_patch16_rope_reg1_gap_256"],
  [{ ...size(640, 12, 10), ...registers(4) }, "vit_betwixt_patch16_rope_reg4_gap_256"],
  [{ ...base, ...registers(1) }, "vit_base_patch16_rope_reg1_gap_256"],

  [{ ...tiny, ...perception(24), ...core }, "vit_pe_core_tiny_patch16_384"],
  [{ ...small, ...perception(24), ...core }, "vit_pe_core_small_patch16_384"],
  [{ ...base, ...perception(14), ...core }, "vit_pe_core_base_patch16_224"],
  [{ ...large, ...perception(24), ...core }, "vit_pe_core_large_patch14_336"],
  [{ ...perception(32), ...core, ...gigantic }, "vit_pe_core_gigantic_patch14_448"],
  [{ ...large, depth: 23, ...perception(32), ...bare, init_values: 0.1 }, "vit_pe_lang_large_patch14_448"],
  [{ ...perception(32), ...gigantic, ...bare, depth: 47, init_values: 0.1 }, "vit_pe_lang_gigantic_patch14_448"],
  [{ ...tiny, ...perception(32), ...bare }, "vit_pe_spatial_tiny_patch16_512"],
  [{ ...small, ...perception(32), ...bare }, "vit_pe_spatial_small_patch16_512"],
  [{ ...base, ...perception(32), ...bare }, "vit_pe_spatial_base_patch16_512"],
  [{ ...large, ...perception(32), ...bare }, "vit_pe_spatial_large_patch14_448"],
  [{ ...perception(32), ...gigantic, ...bare, init_values: 0.1 }, "vit_pe_spatial_gigantic_patch14_448"],

  [{ ...small, ...axial }, "vit_small_patch16_rope_224"],
  [{ ...base, ...axial, use_fc_norm: false }, "vit_base_patch16_rope_224"],
  [{ ...large, ...axial }, "vit_large_patch16_rope_224"],
  [{ ...small, ...mixed }, "vit_small_patch16_rope_mixed_224"],
  [{ ...base, ...mixed }, "vit_base_patch16_rope_mixed_224"],
  [{ ...large, ...mixed }, "vit_large_patch16_rope_mixed_224"],
  [{ ...small, ...axial, ...table }, "vit_small_patch16_rope_ape_224"],
  [{ ...base, ...axial, ...table }, "vit_base_patch16_rope_ape_224"],
  [{ ...large, ...axial, ...table }, "vit_large_patch16_rope_ape_224"],
  [{ ...small, ...mixed, ...table }, "vit_small_patch16_rope_mixed_ape_224"],
  [{ ...base, ...mixed, ...table }, "vit_base_patch16_rope_mixed_ape_224"],
  [{ ...large, ...mixed, ...table }, "vit_large_patch16_rope_mixed_ape_224"],

  [{ ...tiny, ...dinov3 }, "vit_tiny_patch16_dinov3_qkvb"],
  [{ ...small, ...dinov3 }, "vit_small_patch16_dinov3_qkvb"],
  [{ ...small, ...plus }, "vit_small_plus_patch16_dinov3_qkvb"],
  [{ ...base, ...dinov3 }, "vit_base_patch16_dinov3_qkvb"],
  [{ ...large, ...dinov3 }, "vit_large_patch16_dinov3_qkvb"],
  [hugePlus, "vit_huge_plus_patch16_dinov3_qkvb"],
  [{ ...small, ...dinov3, ...unbiased }, "vit_small_patch16_dinov3"],
  [{ ...small, ...plus, ...unbiased }, "vit_small_plus_patch16_dinov3"],
  [{ ...base, ...dinov3, ...unbiased }, "vit_base_patch16_dinov3"],
  [{ ...large, ...dinov3, ...unbiased }, "vit_large_patch16_dinov3"],
  [{ ...hugePlus, ...unbiased }, "vit_huge_plus_patch16_dinov3"],
  [{ ...size(4096, 40, 32), ...dinov3, ...unbiased, ...gated(64), mlp_ratio: 2 }, "vit_7b_patch16_dinov3"],
  [{ ...small, ...lingbot }, "vit_small_patch16_lingbot"],
  [{ ...base, ...lingbot }, "vit_base_patch16_lingbot"],
  [{ ...large, ...lingbot }, "vit_large_patch16_lingbot"],
  [
    { ...size(1536, 40, 24), ...lingbot, ...unbiased, ...gated(8), mlp_ratio: (4 * 2) / 3 },
    "vit_giant_patch16_lingbot",
  ],
]

/** The architectures of timm 1.0.31 that `Eva` builds, except those that `EvaArgs` cannot express. */
export const evaArchitectures: ReadonlyMap<string, EvaArgs> = new Map(
  argsAndNames.flatMap(([args, names]) =>
    names.split(" ").map((name) => {
      const patch_size = Number(/_patch(\d+)_/.exec(name)?.[1] ?? 16)
      // Models of EVA-02 accept images of the size in their name.
      const img_size = name.startsWith("eva02") ? { img_size: Number(/\d+$/.exec(name)?.[0]) } : {}
      return [name, { ...defaults, patch_size, ...img_size, ...args }] as const
    }),
  ),
)

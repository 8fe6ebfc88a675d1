import type { Activation } from "@vitrine/core"

/** Arguments of timm's constructor of a Vision Transformer, under timm's names. */
export interface TimmArgs {
  readonly patch_size: number
  readonly embed_dim: number
  readonly depth: number
  readonly num_heads: number
  readonly mlp_ratio?: number
  readonly img_size?: number
  readonly class_token?: false
  readonly reg_tokens?: number
  readonly no_embed_class?: true
  readonly pre_norm?: true
  readonly qkv_bias?: false
  readonly proj_bias?: false
  readonly init_values?: number
  readonly global_pool?: "avg" | "map"
  readonly pool_include_prefix?: true
  readonly final_norm?: false
  readonly fc_norm?: false
  readonly act_layer?: Activation
  /** SwiGLU, packed or with two matrices. In timm the argument is a class, which a JSON file cannot hold. */
  readonly mlp_layer?: "swiglu" | "split swiglu"
  readonly scale_attn_norm?: true
  readonly scale_mlp_norm?: true
  /** The norm of tokens; "layernorm" by default. */
  readonly norm_layer?: "rmsnorm"
  /** Whether there is an `embed_norm_layer`. In timm the argument is a class. */
  readonly patch_norm?: true
  /** Whether `block_fn` is `ResPostBlock`. */
  readonly post_norm?: true
  /** `ParallelThingsBlock` (paired) or `ParallelScalingBlock` (joint) as `block_fn`; sequential by default. */
  readonly block_kind?: "paired" | "joint"
  readonly qk_norm?: true
  /** ε of the LayerNorm; 1e-6 by default. In timm the argument is a function. */
  readonly norm_epsilon?: number
  /** Whether the class is `VisionTransformerDistilled`. */
  readonly distilled?: true
  /** The number of blocks of each stage of a hybrid's ResNet. In timm the argument is a module. */
  readonly stem_depths?: readonly number[]
}

type Size = Omit<TimmArgs, "patch_size"> & { readonly patch_size?: number }

const size = (embed_dim: number, depth: number, num_heads: number, mlp_ratio = 4): Size => ({
  embed_dim,
  depth,
  num_heads,
  mlp_ratio,
})

const test = size(64, 6, 2, 3)
const wee = size(256, 14, 4, 5)
const little = size(320, 14, 5, 5.6)
const tiny = size(192, 12, 3)
const small = size(384, 12, 6)
const medium = size(512, 12, 8)
const betwixt = size(640, 12, 10)
const base = size(768, 12, 12)
const plus = size(896, 12, 14)
const so150m = size(896, 18, 14, 2.572)
const so150m2 = size(832, 21, 13, 34 / 13)
const large = size(1024, 24, 16)
const so400m = size(1152, 27, 16, 3.7362)
const so400mExact = size(1152, 27, 16, 4304 / 1152)
const huge = size(1280, 32, 16)
const giant = size(1408, 40, 16, 48 / 11)
const giantOpt = size(1536, 40, 16)
const giantDino = size(1536, 40, 24)
const gigantic = size(1664, 48, 16, 64 / 13)

/** Global average pooling after the last norm, without a class token. */
const gap = { class_token: false, global_pool: "avg", fc_norm: false } as const
const map = { class_token: false, global_pool: "map" } as const
const tanh = { act_layer: "gelu_tanh" } as const
const clip = { pre_norm: true, norm_epsilon: 1e-5 } as const
const quick = { ...clip, act_layer: "quick_gelu" } as const
/** Registers, LayerScale and the norm after the pool, as in Ross Wightman's recipes. */
const reg = (reg_tokens: number) =>
  ({ class_token: false, no_embed_class: true, reg_tokens, global_pool: "avg", init_values: 1e-5 }) as const
const deit3 = { no_embed_class: true, init_values: 1e-6 } as const
const dino = { init_values: 1e-5 } as const
const dinoReg = { ...dino, reg_tokens: 4, no_embed_class: true } as const
const swiglu = { mlp_ratio: 2.66667 * 2, mlp_layer: "swiglu", act_layer: "silu" } as const
const tips = { init_values: 1, reg_tokens: 1, no_embed_class: true } as const
const radio = (reg_tokens: number) => ({ img_size: 512, reg_tokens, no_embed_class: true, final_norm: false }) as const
const flexi = { no_embed_class: true } as const
const medGap = { ...gap, qkv_bias: false, init_values: 1e-6 } as const
const so150m2Reg = {
  qkv_bias: false,
  class_token: false,
  reg_tokens: 1,
  global_pool: "avg",
  init_values: 1e-5,
} as const
const distilled = { distilled: true } as const
const paired = { ...dino, depth: 18, block_kind: "paired" } as const
const xp = {
  pre_norm: true,
  no_embed_class: true,
  norm_layer: "rmsnorm",
  qkv_bias: false,
  qk_norm: true,
  block_kind: "joint",
} as const
const beit3 = { global_pool: "avg", scale_attn_norm: true, scale_mlp_norm: true, norm_epsilon: 1e-5 } as const
const aimv2 = {
  ...gap,
  qkv_bias: false,
  proj_bias: false,
  act_layer: "silu",
  mlp_layer: "split swiglu",
  norm_layer: "rmsnorm",
  patch_norm: true,
  norm_epsilon: 1e-5,
} as const
const hybrid = (...stem_depths: readonly number[]) => ({ patch_size: 1, stem_depths }) as const

/** The names of architectures that differ only in the patch size, which is part of the name. */
const sizesAndNames: readonly (readonly [Size, names: string])[] = [
  [test, "test_vit"],
  [tiny, "vit_tiny_patch16_224 vit_tiny_patch16_384 deit_tiny_patch16_224"],
  [small, "vit_small_patch16_224 vit_small_patch16_384 vit_small_patch32_224 vit_small_patch32_384"],
  [small, "vit_small_patch8_224 deit_small_patch16_224"],
  [base, "vit_base_patch16_224 vit_base_patch16_384 vit_base_patch32_224 vit_base_patch32_384"],
  [base, "vit_base_patch8_224 deit_base_patch16_224 deit_base_patch16_384"],
  [large, "vit_large_patch16_224 vit_large_patch16_384 vit_large_patch32_224 vit_large_patch32_384"],
  [large, "vit_large_patch14_224"],
  [huge, "vit_huge_patch14_224"],
  [giant, "vit_giant_patch14_224"],
  [gigantic, "vit_gigantic_patch14_224"],
  [{ ...base, qkv_bias: false }, "vit_base_patch16_224_miil"],
  [{ ...small, depth: 36, ...dino }, "vit_small_patch16_36x1_224"],
  [{ ...plus, ...dino }, "vit_base_patch32_plus_256 vit_base_patch16_plus_240"],
  [{ ...tiny, ...distilled }, "deit_tiny_distilled_patch16_224"],
  [{ ...small, ...distilled }, "deit_small_distilled_patch16_224"],
  [{ ...base, ...distilled }, "deit_base_distilled_patch16_224 deit_base_distilled_patch16_384"],
  [{ ...small, ...deit3 }, "deit3_small_patch16_224 deit3_small_patch16_384"],
  [{ ...medium, ...deit3 }, "deit3_medium_patch16_224"],
  [{ ...base, ...deit3 }, "deit3_base_patch16_224 deit3_base_patch16_384"],
  [{ ...large, ...deit3 }, "deit3_large_patch16_224 deit3_large_patch16_384"],
  [{ ...huge, ...deit3 }, "deit3_huge_patch14_224"],
  [{ ...small, ...flexi }, "flexivit_small"],
  [{ ...base, ...flexi }, "flexivit_base"],
  [{ ...large, ...flexi }, "flexivit_large"],
  [{ ...large, global_pool: "avg" }, "eva_large_patch14_196 eva_large_patch14_336"],

  [{ ...medium, ...medGap }, "vit_medium_patch16_gap_240 vit_medium_patch16_gap_256 vit_medium_patch16_gap_384"],
  [{ ...betwixt, ...medGap }, "vit_betwixt_patch16_gap_256"],
  [{ ...base, ...gap, num_heads: 16 }, "vit_base_patch16_gap_224"],
  [{ ...huge, ...gap }, "vit_huge_patch14_gap_224 vit_huge_patch16_gap_448"],
  [{ ...giant, ...gap }, "vit_giant_patch16_gap_224"],

  [{ ...size(256, 10, 4), ...clip }, "vit_xsmall_patch16_clip_224"],
  [{ ...medium, ...clip }, "vit_medium_patch32_clip_224 vit_medium_patch16_clip_224"],
  [{ ...betwixt, ...clip }, "vit_betwixt_patch32_clip_224"],
  [{ ...base, ...clip }, "vit_base_patch32_clip_224 vit_base_patch32_clip_256 vit_base_patch32_clip_384"],
  [{ ...base, ...clip }, "vit_base_patch32_clip_448 vit_base_patch16_clip_224 vit_base_patch16_clip_384"],
  [{ ...plus, ...clip }, "vit_base_patch16_plus_clip_240"],
  [{ ...large, ...clip }, "vit_large_patch14_clip_224 vit_large_patch14_clip_336"],
  [{ ...huge, ...clip }, "vit_huge_patch14_clip_224 vit_huge_patch14_clip_336 vit_huge_patch14_clip_378"],
  [{ ...giant, ...clip }, "vit_giant_patch14_clip_224"],
  [{ ...gigantic, ...clip }, "vit_gigantic_patch14_clip_224 vit_gigantic_patch14_clip_378"],
  [{ ...base, ...quick }, "vit_base_patch32_clip_quickgelu_224 vit_base_patch16_clip_quickgelu_224"],
  [{ ...large, ...quick }, "vit_large_patch14_clip_quickgelu_224 vit_large_patch14_clip_quickgelu_336"],
  [{ ...huge, ...quick }, "vit_huge_patch14_clip_quickgelu_224 vit_huge_patch14_clip_quickgelu_378"],
  [{ ...gigantic, ...quick }, "vit_gigantic_patch14_clip_quickgelu_224"],

  [{ ...small, ...dino }, "vit_small_patch14_dinov2"],
  [{ ...base, ...dino }, "vit_base_patch14_dinov2"],
  [{ ...large, ...dino }, "vit_large_patch14_dinov2"],
  [{ ...giantDino, ...dino, ...swiglu }, "vit_giant_patch14_dinov2"],
  [{ ...small, ...dinoReg }, "vit_small_patch14_reg4_dinov2"],
  [{ ...base, ...dinoReg }, "vit_base_patch14_reg4_dinov2"],
  [{ ...large, ...dinoReg }, "vit_large_patch14_reg4_dinov2"],
  [{ ...giantDino, ...dinoReg, ...swiglu }, "vit_giant_patch14_reg4_dinov2"],
  [{ ...base, ...tips }, "vit_base_patch14_reg1_tipsv2"],
  [{ ...large, ...tips }, "vit_large_patch14_reg1_tipsv2"],
  [{ ...so400mExact, ...tips }, "vit_so400m_patch14_reg1_tipsv2"],
  [{ ...giantDino, ...tips, ...swiglu }, "vit_giant_patch14_reg1_tipsv2"],
  [{ ...large, init_values: 0.1, final_norm: false }, "vit_intern300m_patch14_448"],
  [{ ...base, ...dino, ...radio(7) }, "vit_base_patch16_radio_v3"],
  [{ ...large, ...dino, ...radio(7) }, "vit_large_patch16_radio_v3"],
  [{ ...huge, ...radio(7) }, "vit_huge_patch16_radio_v3"],
  [{ ...giantDino, ...radio(7) }, "vit_giant_patch16_radio_v3"],
  [{ ...so400mExact, ...radio(9) }, "vit_so400m_patch16_radio_v4"],
  [{ ...huge, ...radio(9) }, "vit_huge_patch16_radio_v4"],

  [{ ...base, ...map }, "vit_base_patch16_siglip_224 vit_base_patch16_siglip_256"],
  [{ ...base, ...map }, "vit_base_patch16_siglip_384 vit_base_patch16_siglip_512"],
  [{ ...base, ...map, ...tanh }, "vit_base_patch32_siglip_256"],
  [{ ...large, ...map }, "vit_large_patch16_siglip_256 vit_large_patch16_siglip_384"],
  [{ ...large, ...map, ...tanh }, "vit_large_patch16_siglip_512"],
  [{ ...so400m, ...map }, "vit_so400m_patch14_siglip_224 vit_so400m_patch14_siglip_378"],
  [{ ...so400m, ...map }, "vit_so400m_patch14_siglip_384"],
  [{ ...so400m, ...map, ...tanh }, "vit_so400m_patch16_siglip_256 vit_so400m_patch16_siglip_384"],
  [{ ...so400m, ...map, ...tanh }, "vit_so400m_patch16_siglip_512"],
  [{ ...giantOpt, ...map, ...tanh }, "vit_giantopt_patch16_siglip_256 vit_giantopt_patch16_siglip_384"],
  [{ ...base, ...gap }, "vit_base_patch16_siglip_gap_224 vit_base_patch16_siglip_gap_256"],
  [{ ...base, ...gap }, "vit_base_patch16_siglip_gap_384 vit_base_patch16_siglip_gap_512"],
  [{ ...base, ...gap, ...tanh }, "vit_base_patch32_siglip_gap_256"],
  [{ ...large, ...gap }, "vit_large_patch16_siglip_gap_256 vit_large_patch16_siglip_gap_384"],
  [{ ...large, ...gap, ...tanh }, "vit_large_patch16_siglip_gap_512"],
  [{ ...so400m, ...gap }, "vit_so400m_patch14_siglip_gap_224 vit_so400m_patch14_siglip_gap_378"],
  [{ ...so400m, ...gap }, "vit_so400m_patch14_siglip_gap_384 vit_so400m_patch14_siglip_gap_448"],
  [{ ...so400m, ...gap }, "vit_so400m_patch14_siglip_gap_896"],
  [{ ...so400m, ...gap, ...tanh }, "vit_so400m_patch16_siglip_gap_256 vit_so400m_patch16_siglip_gap_384"],
  [{ ...so400m, ...gap, ...tanh }, "vit_so400m_patch16_siglip_gap_512"],
  [{ ...giantOpt, ...gap, ...tanh }, "vit_giantopt_patch16_siglip_gap_256 vit_giantopt_patch16_siglip_gap_384"],

  [{ ...wee, ...reg(1) }, "vit_wee_patch16_reg1_gap_256"],
  [{ ...little, ...reg(1) }, "vit_little_patch16_reg1_gap_256"],
  [{ ...little, ...reg(4) }, "vit_little_patch16_reg4_gap_256"],
  [{ ...medium, ...reg(1) }, "vit_medium_patch16_reg1_gap_256"],
  [{ ...medium, ...reg(4) }, "vit_medium_patch16_reg4_gap_256"],
  [{ ...medium, depth: 20, ...reg(4) }, "vit_mediumd_patch16_reg4_gap_256 vit_mediumd_patch16_reg4_gap_384"],
  [{ ...betwixt, ...reg(1) }, "vit_betwixt_patch16_reg1_gap_256"],
  [{ ...betwixt, ...reg(4) }, "vit_betwixt_patch16_reg4_gap_256 vit_betwixt_patch16_reg4_gap_384"],
  [
    { ...base, class_token: false, no_embed_class: true, reg_tokens: 4, global_pool: "avg" },
    "vit_base_patch16_reg4_gap_256",
  ],
  [{ ...so150m, ...gap, reg_tokens: 4 }, "vit_so150m_patch16_reg4_gap_256 vit_so150m_patch16_reg4_gap_384"],
  [{ ...so150m, ...map, reg_tokens: 4 }, "vit_so150m_patch16_reg4_map_256"],
  [{ ...so150m2, ...so150m2Reg }, "vit_so150m2_patch16_reg1_gap_256 vit_so150m2_patch16_reg1_gap_384"],
  [{ ...so150m2, ...so150m2Reg }, "vit_so150m2_patch16_reg1_gap_448"],
  [{ ...tiny, ...hybrid(), patch_size: 8 }, "vit_tiny_r_s16_p8_224 vit_tiny_r_s16_p8_384"],
  [{ ...small, ...hybrid(2, 2, 2, 2) }, "vit_small_r26_s32_224 vit_small_r26_s32_384"],
  [{ ...base, ...hybrid(2, 2, 2, 2) }, "vit_base_r26_s32_224"],
  [{ ...base, ...hybrid(3, 4, 9) }, "vit_base_r50_s16_224 vit_base_r50_s16_384"],
  [{ ...large, ...hybrid(3, 4, 6, 3) }, "vit_large_r50_s32_224 vit_large_r50_s32_384"],

  [{ ...size(1024, 24, 8, 2.75), ...aimv2 }, "aimv2_large_patch14_224 aimv2_large_patch14_336 aimv2_large_patch14_448"],
  [{ ...size(1536, 24, 12, 2.6667), ...aimv2 }, "aimv2_huge_patch14_224 aimv2_huge_patch14_336 aimv2_huge_patch14_448"],
  [{ ...size(2048, 24, 16, 2.75), ...aimv2 }, "aimv2_1b_patch14_224 aimv2_1b_patch14_336 aimv2_1b_patch14_448"],
  [{ ...size(3072, 24, 24, 2.6667), ...aimv2 }, "aimv2_3b_patch14_224 aimv2_3b_patch14_336 aimv2_3b_patch14_448"],
  [{ ...base, ...beit3 }, "beit3_base_patch16_224"],
  [{ ...large, ...beit3 }, "beit3_large_patch16_224"],
  [{ ...giant, ...beit3 }, "beit3_giant_patch14_224 beit3_giant_patch14_336"],
  [{ ...base, class_token: false, global_pool: "avg", qkv_bias: false, post_norm: true }, "vit_base_patch16_rpn_224"],
  [{ ...small, ...paired }, "vit_small_patch16_18x2_224"],
  [{ ...base, ...paired }, "vit_base_patch16_18x2_224"],
  [{ ...base, ...xp }, "vit_base_patch16_xp_224"],
  [{ ...large, ...xp }, "vit_large_patch14_xp_224"],
  [{ ...huge, ...xp }, "vit_huge_patch14_xp_224"],
  [{ ...wee, depth: 16, ...reg(1), block_kind: "joint" }, "vit_pwee_patch16_reg1_gap_256"],

  [
    { ...size(96, 9, 3, 3), class_token: false, reg_tokens: 1, global_pool: "avg", norm_layer: "rmsnorm", ...dino },
    "test_vit4",
  ],
  [{ ...test, depth: 8, class_token: false, reg_tokens: 1, global_pool: "avg", ...dino }, "test_vit2"],
  [{ ...size(96, 9, 3, 2), ...map, reg_tokens: 1, pool_include_prefix: true, ...dino }, "test_vit3"],
]

/**
 * The architectures of timm 1.0.31 that are plain Vision Transformers, or hybrids of such a model and a ResNet.
 */
export const architectures: ReadonlyMap<string, TimmArgs> = new Map(
  sizesAndNames.flatMap(([args, names]) =>
    names.split(" ").map((name) => {
      const patch_size = Number(/_patch(\d+)_/.exec(name)?.[1] ?? 16)
      return [name, { patch_size, ...args }] as const
    }),
  ),
)

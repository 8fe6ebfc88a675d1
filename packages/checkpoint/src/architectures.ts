/** What timm's constructor of a plain Vision Transformer is told, by timm's names. */
export interface TimmArgs {
  readonly patch_size: number
  readonly embed_dim: number
  readonly depth: number
  readonly num_heads: number
  readonly mlp_ratio: number
  readonly class_token?: boolean
  readonly global_pool?: "token" | "avg"
  readonly fc_norm?: boolean
  readonly act_layer?: string
}

type Size = Omit<TimmArgs, "patch_size">

const size = (embed_dim: number, depth: number, num_heads: number, mlp_ratio = 4): Size => ({
  embed_dim,
  depth,
  num_heads,
  mlp_ratio,
})

const test = size(64, 6, 2, 3)
const tiny = size(192, 12, 3)
const small = size(384, 12, 6)
const base = size(768, 12, 12)
const large = size(1024, 24, 16)
const so400m = size(1152, 27, 16, 3.7362)
const huge = size(1280, 32, 16)
const giant = size(1408, 40, 16, 48 / 11)
const giantOpt = size(1536, 40, 16)
const gigantic = size(1664, 48, 16, 64 / 13)

/** Global average pooling after the last norm, without a class token. */
const gap = { class_token: false, global_pool: "avg", fc_norm: false } as const
const gapTanh = { ...gap, act_layer: "gelu_tanh" } as const

/** Names that share everything but the patch size, which stands in the name. */
const families: readonly (readonly [Size, names: string])[] = [
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
  [{ ...large, global_pool: "avg" }, "eva_large_patch14_196 eva_large_patch14_336"],
  [{ ...base, ...gap, num_heads: 16 }, "vit_base_patch16_gap_224"],
  [{ ...huge, ...gap }, "vit_huge_patch14_gap_224 vit_huge_patch16_gap_448"],
  [{ ...giant, ...gap }, "vit_giant_patch16_gap_224"],
  [{ ...base, ...gap }, "vit_base_patch16_siglip_gap_224 vit_base_patch16_siglip_gap_256"],
  [{ ...base, ...gap }, "vit_base_patch16_siglip_gap_384 vit_base_patch16_siglip_gap_512"],
  [{ ...base, ...gapTanh }, "vit_base_patch32_siglip_gap_256"],
  [{ ...large, ...gap }, "vit_large_patch16_siglip_gap_256 vit_large_patch16_siglip_gap_384"],
  [{ ...large, ...gapTanh }, "vit_large_patch16_siglip_gap_512"],
  [{ ...so400m, ...gap }, "vit_so400m_patch14_siglip_gap_224 vit_so400m_patch14_siglip_gap_378"],
  [{ ...so400m, ...gap }, "vit_so400m_patch14_siglip_gap_384 vit_so400m_patch14_siglip_gap_448"],
  [{ ...so400m, ...gap }, "vit_so400m_patch14_siglip_gap_896"],
  [{ ...so400m, ...gapTanh }, "vit_so400m_patch16_siglip_gap_256 vit_so400m_patch16_siglip_gap_384"],
  [{ ...so400m, ...gapTanh }, "vit_so400m_patch16_siglip_gap_512"],
  [{ ...giantOpt, ...gapTanh }, "vit_giantopt_patch16_siglip_gap_256 vit_giantopt_patch16_siglip_gap_384"],
]

/** timm's models whose structure is the plain pre-norm Vision Transformer, as of timm 1.0.31. */
export const architectures: ReadonlyMap<string, TimmArgs> = new Map(
  families.flatMap(([args, names]) =>
    names.split(" ").map((name) => {
      const patch_size = Number(/_patch(\d+)_/.exec(name)?.[1] ?? 16)
      return [name, { patch_size, ...args }] as const
    }),
  ),
)

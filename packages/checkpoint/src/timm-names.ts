/** Names of architectures that timm has replaced, from its `register_model_deprecations`. */
const oldNames: ReadonlyMap<string, string> = new Map([
  ...[
    "vit_tiny_patch16_224",
    "vit_small_patch32_224",
    "vit_small_patch16_224",
    "vit_base_patch32_224",
    "vit_base_patch16_224",
    "vit_base_patch8_224",
    "vit_large_patch32_224",
    "vit_large_patch16_224",
    "vit_huge_patch14_224",
    "vit_base_patch16_224_miil",
    "vit_tiny_r_s16_p8_224",
    "vit_small_r26_s32_224",
    "vit_base_r50_s16_224",
    "vit_large_r50_s32_224",
  ].map((name) => [`${name}_in21k`, name] as const),
  ...["vit_base_patch32_224", "vit_base_patch16_224"].map((name) => [`${name}_sam`, name] as const),
  ...["vit_small_patch16_224", "vit_small_patch8_224", "vit_base_patch16_224", "vit_base_patch8_224"].map(
    (name) => [`${name}_dino`, name] as const,
  ),
  ...["base_patch32", "large_patch14", "huge_patch14", "giant_patch14"].map(
    (size) => [`vit_${size}_224_clip_laion2b`, `vit_${size}_clip_224`] as const,
  ),
  ...[
    "small_patch16_224",
    "small_patch16_384",
    "medium_patch16_224",
    "base_patch16_224",
    "base_patch16_384",
    "large_patch16_224",
    "large_patch16_384",
    "huge_patch14_224",
  ].map((size) => [`deit3_${size}_in21ft1k`, `deit3_${size}`] as const),
  ["vit_base_resnet50_224_in21k", "vit_base_r50_s16_224"],
  ["vit_base_resnet50_384", "vit_base_r50_s16_384"],
  ...["50x1", "50x3", "101x1", "101x3", "152x2", "152x4"].flatMap((size) =>
    ["bitm", "bitm_in21k"].map((end) => [`resnetv2_${size}_${end}`, `resnetv2_${size}_bit`] as const),
  ),
  ["resnetv2_50x1_bit_distilled", "resnetv2_50x1_bit"],
  ["resnetv2_152x2_bit_teacher", "resnetv2_152x2_bit"],
  ["resnetv2_152x2_bit_teacher_384", "resnetv2_152x2_bit"],
])

/**
 * The present name in timm of an architecture. The given name may be an old one, or end with the tag of its weights.
 */
export function timmArchitecture(name: string): string {
  const [architecture = ""] = name.split(".")
  return oldNames.get(architecture) ?? architecture
}

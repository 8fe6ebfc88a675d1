/**
 * Table 5 of Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021 (arXiv 2010.11929v2, which corrects the
 * exaFLOPs of v1): top-1 on ImageNet after fine-tuning at 384 × 384, for each data set of the pre-training.
 */
export const table5: readonly { readonly model: string; readonly top1: readonly (number | null)[] }[] = [
  { model: "ViT-B/32", top1: [73.38, 81.28, 80.73] },
  { model: "ViT-B/16", top1: [77.91, 83.97, 84.15] },
  { model: "ViT-L/32", top1: [71.16, 80.99, 84.37] },
  { model: "ViT-L/16", top1: [76.53, 85.15, 87.12] },
  { model: "ViT-H/14", top1: [null, 85.13, 88.04] },
]

export const datasets = ["ImageNet\n1.3 M", "ImageNet-21k\n14 M", "JFT-300M\n303 M"] as const

/** Table 6: top-1 on ImageNet after pre-training on JFT-300M, and the exaFLOPs of the pre-training. */
export const table6: readonly {
  readonly model: string
  readonly family: "vit" | "resnet" | "hybrid"
  readonly epochs: number
  readonly top1: number
  readonly exaflops: number
}[] = [
  { model: "ViT-B/32", family: "vit", epochs: 7, top1: 80.73, exaflops: 55 },
  { model: "ViT-B/16", family: "vit", epochs: 7, top1: 84.15, exaflops: 224 },
  { model: "ViT-L/32", family: "vit", epochs: 7, top1: 84.37, exaflops: 196 },
  { model: "ViT-L/16", family: "vit", epochs: 7, top1: 86.3, exaflops: 783 },
  { model: "ViT-L/16", family: "vit", epochs: 14, top1: 87.12, exaflops: 1567 },
  { model: "ViT-H/14", family: "vit", epochs: 14, top1: 88.08, exaflops: 4262 },
  { model: "ResNet50x1", family: "resnet", epochs: 7, top1: 77.54, exaflops: 50 },
  { model: "ResNet50x2", family: "resnet", epochs: 7, top1: 82.12, exaflops: 199 },
  { model: "ResNet101x1", family: "resnet", epochs: 7, top1: 80.67, exaflops: 96 },
  { model: "ResNet152x1", family: "resnet", epochs: 7, top1: 81.88, exaflops: 141 },
  { model: "ResNet152x2", family: "resnet", epochs: 7, top1: 84.97, exaflops: 563 },
  { model: "ResNet152x2", family: "resnet", epochs: 14, top1: 85.56, exaflops: 1126 },
  { model: "ResNet200x3", family: "resnet", epochs: 14, top1: 87.22, exaflops: 3306 },
  { model: "R50x1 + ViT-B/32", family: "hybrid", epochs: 7, top1: 84.9, exaflops: 106 },
  { model: "R50x1 + ViT-B/16", family: "hybrid", epochs: 7, top1: 85.58, exaflops: 274 },
  { model: "R50x1 + ViT-L/32", family: "hybrid", epochs: 7, top1: 85.68, exaflops: 246 },
  { model: "R50x1 + ViT-L/16", family: "hybrid", epochs: 7, top1: 86.6, exaflops: 859 },
  { model: "R50x1 + ViT-L/16", family: "hybrid", epochs: 14, top1: 87.12, exaflops: 1668 },
]

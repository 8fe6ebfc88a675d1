// The hybrid of the comparison (docs/comparison.md): the first stage of a ResNet of a quarter of R50's width, each of whose
// places is a patch of a Vision Transformer.
import { type DataFacts, defineRecipe, type Recipe } from "vitrine"
import { budget } from "./budget.ts"

export default defineRecipe(({ imageSize: [side] }: DataFacts): Recipe => {
  const [blocks, dim] = side < 32 ? [3, 40] : [1, 32]
  const stem = { width: 16, depths: [blocks], groups: 8, numerics: "timm" } as const
  const model = { stem, patchSize: [1, 1], dim, depth: 2, heads: 2, mlpDim: 4 * dim, pool: "average" } as const
  return { ...budget(side), model, learningRate: 3e-3 }
})

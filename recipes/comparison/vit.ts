// The Vision Transformer of the comparison (docs/comparison.md): patches of 4×4 pixels, two blocks.
import { type DataFacts, defineRecipe, type Recipe } from "vitrine"
import { budget } from "./budget.ts"

export default defineRecipe(({ imageSize: [side] }: DataFacts): Recipe => {
  const dim = side < 32 ? 48 : 40
  const model = { patchSize: [4, 4], dim, depth: 2, heads: 2, mlpDim: 4 * dim, pool: "average" } as const
  return { ...budget(side), model, learningRate: 3e-3 }
})

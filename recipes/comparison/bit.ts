// The ResNet of the comparison (docs/comparison.md): three stages of BiT's, of a quarter of R50x1's width.
import { type DataFacts, defineRecipe, type Recipe } from "vitrine"
import { budget } from "./budget.ts"

export default defineRecipe(({ imageSize: [side] }: DataFacts): Recipe => {
  const depths = side < 32 ? [2, 4, 4] : [3, 3, 2]
  return { ...budget(side), model: { stemWidth: 16, widths: [64, 128, 256], depths, groups: 8 }, learningRate: 1e-2 }
})

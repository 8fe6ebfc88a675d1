import { ops } from "@vitrine/core"
import { alphabet, seq2seq, seq2seqParameters, textObjective } from "@vitrine/seq2seq"
import { momentumChange, type RecipeChange, type RunPlan, waysOf } from "../../plan/fit.ts"
import type { PlanSubject } from "../../plan/subject.ts"
import type { TaskPlan } from "../task.ts"
import { imageSource } from "./lines.ts"
import type { ReadingFacts, ReadingRecipe, ResolvedReadingRecipe } from "./recipe-type.ts"
import { resolveReadingRecipe } from "./recipe.ts"

/** Rows of one to five of MNIST's digits. */
const mnistRows: ReadingFacts = {
  examples: 18_000,
  alphabet: alphabet(Array.from({ length: 10 }, (_, digit) => String(digit))),
  longest: 5,
  imageSize: [28, 140],
  mean: [0.13],
  std: [0.31],
}

/** Trainings of readers, to be planned. */
export const readerPlan: TaskPlan = {
  subject: readerSubject,
  withoutData: async (recipe: ReadingRecipe) => resolveReadingRecipe({ ...recipe, task: "read" }, mnistRows, 0),
  assumedData: "rows of 1 to 5 of MNIST's digits: 18,000 lines of 28 × 140 pixels",
}

/** The training of a reader, to be planned. Its forward pass predicts each character from the true ones before it. */
function readerSubject({ config, labelSmoothing, batchSize, training }: ResolvedReadingRecipe): PlanSubject {
  const { imageSize, channels } = imageSource(config)
  const { rows, measure } = textObjective(config, labelSmoothing)
  const { encoderDepth, decoderDepth, dim, length } = config
  const tokens = ops.input("tokens", ["batch", length], "int32")
  return {
    model: `Transformer, ${encoderDepth} + ${decoderDepth} layers of width ${dim}`,
    parameters: seq2seqParameters(config),
    image: [...imageSize, channels],
    forward: (scope, images) => ({ logits: seq2seq(scope, images, tokens, config) }),
    objective: { rows },
    cuts: false,
    measure,
    batchSize,
    training,
  }
}

/** A training that is about to begin. */
export function readerRun(recipe: ResolvedReadingRecipe): RunPlan {
  return { subject: readerSubject(recipe), ways: () => waysOf(recipe, changesOf(recipe), readerSubject) }
}

/** Changes of a training that may take less memory, those that change the result least first. */
function changesOf({ config, training }: ResolvedReadingRecipe): readonly RecipeChange<ResolvedReadingRecipe>[] {
  const source = imageSource(config)
  const halved = [source.imageSize[0] / 2, source.imageSize[1] / 2] as const
  const patchSize = [Math.min(source.patchSize[0], halved[0]), source.patchSize[1]] as const
  const images = { ...config, source: { ...source, imageSize: halved, patchSize } }
  return [
    ...(halved[0] % patchSize[0] === 0 && halved[1] % patchSize[1] === 0
      ? [
          {
            kind: "images",
            flags: `--image-size ${halved.join("x")} --patch-size ${patchSize.join("x")}`,
            change: { config: images },
          },
        ]
      : []),
    ...momentumChange(training),
    ...(config.dim % (2 * config.heads) === 0 && config.mlpDim % 2 === 0
      ? [
          {
            kind: "width",
            flags: `--dim ${config.dim / 2} --mlp-dim ${config.mlpDim / 2}`,
            change: { config: { ...config, dim: config.dim / 2, mlpDim: config.mlpDim / 2 } },
          },
        ]
      : []),
  ]
}

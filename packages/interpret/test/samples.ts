import type { HostTensor } from "@vitrine/core"
import {
  attentionDistance,
  attentionFigure,
  attentionMap,
  attentionRollout,
  comparisonFigure,
  confusionFigure,
  confusionMatrix,
  curveFigure,
  distanceFigure,
  featureColors,
  featuresFigure,
  type FigureStyle,
  filterComponents,
  filtersFigure,
  headsFigure,
  learningCurve,
  nearestPatches,
  neighborsFigure,
  positionsFigure,
  positionSimilarity,
  predictionsFigure,
  rolloutFigure,
} from "../src/index.ts"

/** Numbers that look random and are always the same. */
export function values(shape: readonly number[], scale = 1): HostTensor {
  const length = shape.reduce((a, b) => a * b, 1)
  const data = Float32Array.from({ length }, (_, i) => scale * (((i * 2654435761) % 1009) / 1009 - 0.5))
  return { shape, data }
}

/** The same as attention: positive, in rows that sum to 1. */
export function attention(heads: number, tokens: number): HostTensor {
  const { data, shape } = values([1, heads, tokens, tokens], 8)
  const weights = Float32Array.from(data, Math.exp)
  for (let at = 0; at < weights.length; at += tokens) {
    const total = weights.subarray(at, at + tokens).reduce((a, b) => a + b, 0)
    for (let k = at; k < at + tokens; k++) weights[k] = (weights[k] as number) / total
  }
  return { data: weights, shape }
}

export interface SampleOptions extends FigureStyle {
  readonly rows: number
  readonly columns: number
  readonly prefix: number
  readonly channels: 1 | 3
  /** A caption, a class and a title. */
  readonly name: string
}

/** Every figure, of made-up values of one model. */
export function sampleFigures({
  rows,
  columns,
  prefix,
  channels,
  name,
  ...style
}: SampleOptions): Record<string, string> {
  const grid = { rows, columns }
  const tokens = rows * columns + prefix
  const blocks = [attention(3, tokens), attention(3, tokens)]
  const image = (shift: number) => ({
    width: columns * 8,
    height: rows * 8,
    channels,
    data: Uint8Array.from({ length: rows * columns * 64 * channels }, (_, i) => (i * 7 + shift) % 256),
  })
  const images = [image(0), image(90)]
  const seen = images.map((each) => ({ image: each, caption: name }))
  const features = images.map((_, i) => values([1, tokens, 6], i + 1))
  const heads = blocks.map((block) => [0, 1, 2].map((head) => attentionMap(block, { grid, head })))
  const query = { image: 0, row: 0, column: columns - 1 }
  const metrics = Array.from({ length: 300 }, (_, i) => [
    { type: "step", step: i + 1, loss: 2 / (1 + i / 50), learningRate: 1e-3 * (1 - i / 300) },
    ...(i % 100 === 99 ? [{ type: "evaluation", step: i + 1, loss: 1 / (1 + i / 50), top1: 0.5 + i / 1000 }] : []),
  ]).flat()
  return {
    filters: filtersFigure(filterComponents(values([30, channels, 8, 8])), style),
    positions: positionsFigure(positionSimilarity(values([1, tokens, 12]), grid), style),
    distance: distanceFigure(
      blocks.map((block) => attentionDistance(block, { grid, patchSize: [8, 8] })),
      { ...style, images: 2 },
    ),
    heads: headsFigure(seen[0] as (typeof seen)[number], heads, { ...style, from: name }),
    attention: attentionFigure(
      seen[0] as (typeof seen)[number],
      (heads[1] ?? []).map((map) => ({ map, caption: name })),
      { ...style, from: name, at: name },
    ),
    rollout: rolloutFigure(
      seen.map((each) => ({ ...each, map: attentionRollout(blocks, { grid }) })),
      { ...style, from: name },
    ),
    features: featuresFigure(seen, featureColors(features, grid), style),
    neighbors: neighborsFigure(
      images,
      grid,
      [{ query, neighbors: nearestPatches(features, grid, query, { count: 4 }) }],
      style,
    ),
    curve: curveFigure(learningCurve(metrics), { ...style, title: name }),
    comparison: comparisonFigure(
      ["ViT", "hybrid", name].flatMap((family, i) =>
        ["a", name].map((data) => ({
          name,
          family,
          data,
          evaluations: [1e11, 4e11, 2e12].map((flops, at) => ({ flops, top1: 0.2 * at + 0.1 * i })),
        })),
      ),
      { ...style, title: name },
    ),
    predictions: predictionsFigure(
      images.map((each, i) => ({ image: each, label: name, predicted: i === 0 ? name : "b", probability: 0.5 })),
      style,
    ),
    confusion: confusionFigure(
      confusionMatrix(
        [
          [9, 1],
          [2, 20000],
        ],
        [name, "b"],
      ),
      style,
    ),
  }
}

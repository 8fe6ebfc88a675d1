import { basename } from "node:path"
import { VitrineError } from "@vitrine/core"
import { attentionFigure, type AttentionMapStyle, queryAttention } from "@vitrine/interpret"
import type { Detector, Image, ImageInput } from "vitrine"
import {
  checkNumbers,
  chosenFigures,
  type DrawnFigure,
  drawCurve,
  drawFigures,
  entryOf,
  type FigureDrawers,
  type FigureFlags,
  type Figures,
  type FiguresOptions,
  mostImages,
  numbered,
} from "../../show/figures.ts"
import { percent, printable } from "../../show/text.ts"

/** Without `--query`, a figure shows at most this many objects of an image. */
const mostObjects = 15
/** An object counts if its score is above this number. It is the default of `vitrine detect --threshold` too. */
const threshold = 0.5

/** A detector with the flags and options of its figures. */
interface Subject extends FiguresOptions {
  readonly path: string
  readonly detector: Detector<ImageInput>
  readonly flags: FigureFlags
}

const drawers: FigureDrawers<Subject> = {
  async *attention({ detector, flags, images, status }) {
    for (const [i, { file, image }] of images.slice(0, mostImages).entries()) {
      status.update(`looking at ${printable(basename(file))}`)
      yield drawAttention(detector, flags, { file, image, name: numbered("attention", i, images.length) })
    }
  },
  curve: drawCurve,
}

/** The figures of a detector: the attention of its object queries, and the curve of its run. */
export function detectorFigures(subject: Subject): Figures {
  return drawFigures(chosenFigures(["attention", "curve"], subject), drawers, subject, "detector", subject)
}

/**
 * Draws the attention of object queries. If `--query` gives a number, it draws that query. Otherwise it draws the query
 * of each object with a score above the threshold, `mostObjects` at most. If no score is above the threshold, it draws
 * the query of the object with the highest score.
 */
async function drawAttention(
  detector: Detector<ImageInput>,
  { block: layer, head, query, theme }: FigureFlags,
  { file, image, name }: { readonly file: string; readonly image: Image; readonly name: string },
): Promise<DrawnFigure> {
  const { decoderDepth, queries, heads } = detector.config
  const block = layer ?? decoderDepth - 1
  if (typeof query === "string" || typeof query === "object")
    throw new VitrineError("config", `--query is the number of an object query here, 0 to ${queries - 1}`)
  checkNumbers("detector", { block: [block, decoderDepth], head: [head, heads], query: [query, queries] })
  const detections = await detector.detect(image, { threshold: -1 })
  const objects = Array.from(detections.labels, (label, i) => {
    const [score = 0, number = 0] = [detections.scores[i], detections.queries[i]]
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = detections.boxes.subarray(4 * i, 4 * i + 4)
    const caption = `${detector.labels[label] ?? label} (${percent(score, 0)}), query ${number}`
    return { query: number, score, caption, object: { box: [x0, y0, x1, y1] as const, class: label } }
  })
  const above = objects.filter(({ score }) => score > threshold).length
  const picks =
    query === undefined
      ? objects.slice(0, Math.min(mostObjects, Math.max(1, above)))
      : objects.filter((object) => object.query === query)
  const tap = `transformer.decoder.layers.${block}.multihead_attn.weights`
  const { taps, grid, within } = await detector.inspect(image, [tap])
  const weights = entryOf(taps, tap)
  const maps = picks.map((object): AttentionMapStyle & { readonly query: number; readonly score: number } => ({
    ...object,
    map: queryAttention(weights, { grid, within, query: object.query, head }),
  }))
  const at = `layer ${block} of the decoder, ${head === undefined ? "mean of its heads" : `head ${head}`}`
  const picture = { image, caption: basename(file) }
  return {
    figure: "attention",
    file: name,
    shows: `where the queries of ${picks.length} ${picks.length === 1 ? "object" : "objects"} in ${printable(basename(file))} look, in ${at}`,
    data: { grid: within, maps },
    svg: () => attentionFigure(picture, maps, { theme, from: "each object's query", at }),
  }
}

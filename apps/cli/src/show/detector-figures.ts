import { basename } from "node:path"
import { VitrineError } from "@vitrine/core"
import { attentionFigure, type AttentionMapStyle, queryAttention } from "@vitrine/interpret"
import type { Detector, Image, ImageInput } from "vitrine"
import type { Drawn, Figures, FiguresOptions } from "./figures.ts"
import { checkNumbers, drawnBy } from "./table.ts"
import { percent } from "./text.ts"

/** How many objects of an image a figure shows at most. */
const mostObjects = 15
/** The least score that counts, as in `vitrine detect`. */
const threshold = 0.5

/** Figures of a detector: what it looks at to find objects. */
export function detectorFigures(
  options: FiguresOptions & { readonly path: string; readonly detector: Detector<ImageInput> },
): ReturnType<Figures> {
  return drawnBy("detector", (path, image, file) => attention(options, path, image, file), options)
}

/**
 * Where the queries that found objects look: those above the threshold, or the one of the highest score where there are none,
 * or the one that is asked for.
 */
async function attention(
  { detector, looks, status }: FiguresOptions & { readonly detector: Detector<ImageInput> },
  path: string,
  image: Image,
  file: string,
): Promise<Drawn> {
  status.update(`looking at ${basename(path)}`)
  const { decoderDepth, queries, heads } = detector.config
  const { block = decoderDepth - 1, head, query } = looks
  if (typeof query === "string" || typeof query === "object")
    throw new VitrineError("config", `--query is the number of an object query here, 0 to ${queries - 1}`)
  checkNumbers("detector", { block: [block, decoderDepth], head: [head, heads], query: [query, queries] })
  const all = await detector.detect(image, { threshold: -1 })
  const above = all.scores.filter((score) => score > threshold).length
  const asked = query === undefined ? undefined : all.queries.indexOf(query)
  const found =
    asked === undefined ? Array.from({ length: Math.min(mostObjects, Math.max(1, above)) }, (_, n) => n) : [asked]
  const tap = `transformer.decoder.layers.${block}.multihead_attn.weights`
  const { taps, grid, within } = await detector.inspect(image, [tap])
  const weights = taps[tap] as NonNullable<(typeof taps)[string]>
  const maps = found.map((n): AttentionMapStyle & { readonly query: number; readonly score: number } => {
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = all.boxes.subarray(4 * n, 4 * n + 4)
    const kind = all.labels[n] as number
    const [own, score] = [all.queries[n] as number, all.scores[n] as number]
    return {
      query: own,
      score,
      map: queryAttention(weights, { grid, within, query: own, head }),
      caption: `${detector.labels[kind] ?? kind} (${percent(score, 0)}), query ${own}`,
      object: { box: [x0, y0, x1, y1], class: kind },
    }
  })
  const at = `layer ${block} of the decoder, ${head === undefined ? "its heads on average" : `head ${head}`}`
  const seen = { image, caption: basename(path) }
  return {
    figure: "attention",
    file,
    shows: `where the queries look that found ${found.length} of the objects in ${basename(path)}, in ${at}`,
    data: { grid: within, maps },
    svg: () => attentionFigure(seen, maps, { theme: looks.theme, from: "each object's query", at }),
  }
}

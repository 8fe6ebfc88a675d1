import { basename } from "node:path"
import { VitrineError } from "@vitrine/core"
import { attentionFigure, type AttentionMapStyle, queryAttention } from "@vitrine/interpret"
import type { Image, Reader } from "vitrine"
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

/** A reader with the flags and options of its figures. */
interface Subject extends FiguresOptions {
  readonly path: string
  readonly reader: Reader<Image>
  readonly flags: FigureFlags
}

const drawers: FigureDrawers<Subject> = {
  async *attention({ reader, flags, images, status }) {
    for (const [i, { file, image }] of images.slice(0, mostImages).entries()) {
      status.update(`reading ${printable(basename(file))}`)
      yield drawAttention(reader, flags, { file, image, name: numbered("attention", i, images.length) })
    }
  },
  curve: drawCurve,
}

/** The figures of a reader: the attention for each character, and the curve of its run. */
export function readerFigures(subject: Subject): Figures {
  return drawFigures(chosenFigures(["attention", "curve"], subject), drawers, subject, "reader", subject)
}

/** The attention of the decoder to a line, for each character, or for the character that a flag names. */
async function drawAttention(
  reader: Reader<Image>,
  { block: layer, head, query, theme }: FigureFlags,
  { file, image, name }: { readonly file: string; readonly image: Image; readonly name: string },
): Promise<DrawnFigure> {
  const { decoderDepth, heads } = reader.record.recipe.config
  const block = layer ?? decoderDepth - 1
  if (query !== undefined && typeof query !== "number")
    throw new VitrineError("config", "--query is the number of a character here, from 0")
  checkNumbers("reader", { block: [block, decoderDepth], head: [head, heads] })
  const tap = `decoder.layers.${block}.multihead_attn.weights`
  const { taps, reading, view, grid, within } = await reader.inspect(image, [tap])
  const weights = entryOf(taps, tap)
  const captions = [
    ...reading.characters.map(({ character, probability }) => `${character} (${percent(probability, 0)})`),
    ...(reading.ended ? ["the end"] : []),
  ]
  if (query !== undefined && query >= captions.length)
    throw new VitrineError(
      "config",
      `no character ${query} in ${printable(basename(file))}: ${captions.length} are read, from 0`,
    )
  const maps = captions.flatMap((caption, i): AttentionMapStyle[] => {
    if (query !== undefined && query !== i) return []
    return [{ caption, map: queryAttention(weights, { grid, within, query: i, head }) }]
  })
  const at = `layer ${block} of the decoder, ${head === undefined ? "mean of its heads" : `head ${head}`}`
  const picture = { image: view, caption: `${printable(basename(file))} · ${reading.text}` }
  return {
    figure: "attention",
    file: name,
    shows: `where the decoder looks in ${printable(basename(file))} for each character, in ${at}`,
    data: { grid: within, text: reading.text, maps },
    svg: () => attentionFigure(picture, maps, { theme, from: "each character", at }),
  }
}

import { basename } from "node:path"
import { VitrineError } from "@vitrine/core"
import { attentionFigure, type AttentionMapStyle, queryAttention } from "@vitrine/interpret"
import type { Image, Reader } from "vitrine"
import type { Drawn, Figures, FiguresOptions } from "./figures.ts"
import { checkNumbers, drawnBy } from "./table.ts"
import { percent } from "./text.ts"

/** Figures of a model that reads: which part of a line it looks at for each character. */
export function readerFigures(
  options: FiguresOptions & { readonly path: string; readonly reader: Reader },
): ReturnType<Figures> {
  return drawnBy("reader", (path, image, file) => attention(options, path, image, file), options)
}

async function attention(
  { reader, looks, status }: FiguresOptions & { readonly reader: Reader },
  path: string,
  image: Image,
  file: string,
): Promise<Drawn> {
  status.update(`reading ${basename(path)}`)
  const { decoderDepth, heads } = reader.record.recipe.config
  const { block = decoderDepth - 1, head, query } = looks
  if (query !== undefined && typeof query !== "number")
    throw new VitrineError("config", "--query is the number of a character here, from 0")
  checkNumbers("reader", { block: [block, decoderDepth], head: [head, heads] })
  const tap = `decoder.layers.${block}.multihead_attn.weights`
  const { taps, reading, view, grid, within } = await reader.inspect(image, [tap])
  const weights = taps[tap] as NonNullable<(typeof taps)[string]>
  const characters = [
    ...reading.characters.map(({ character, probability }) => `${character} (${percent(probability, 0)})`),
    ...(reading.ended ? ["the end"] : []),
  ]
  if (query !== undefined && query >= characters.length)
    throw new VitrineError(
      "config",
      `no character ${query} in ${basename(path)}: ${characters.length} are read, from 0`,
    )
  const maps = characters.flatMap((caption, at): AttentionMapStyle[] => {
    if (query !== undefined && query !== at) return []
    return [{ caption, map: queryAttention(weights, { grid, within, query: at, head }) }]
  })
  const at = `layer ${block} of the decoder, ${head === undefined ? "its heads on average" : `head ${head}`}`
  const seen = { image: view, caption: `${basename(path)} · ${reading.text}` }
  return {
    figure: "attention",
    file,
    shows: `where the decoder looks in ${basename(path)} for each character, in ${at}`,
    data: { grid: within, text: reading.text, maps },
    svg: () => attentionFigure(seen, maps, { theme: looks.theme, from: "each character", at }),
  }
}

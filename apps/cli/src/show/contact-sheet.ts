import { writeFileAtomic } from "@vitrine/checkpoint/node"
import type { Image } from "vitrine"
import { drawText, lineHeight, textWidth } from "./pixel-font.ts"

/** An image, what it shows, and what a model said. */
export interface Shown {
  readonly image: Image
  readonly label: string
  readonly predicted: string
  readonly probability: number
}

const columns = 6
const picture = 160
const gap = 16
const scale = 2
const captions = 2 * scale * lineHeight + 8

type Color = readonly [number, number, number]
const ink: Color = [31, 41, 55]
const right: Color = [21, 128, 61]
const wrong: Color = [185, 28, 28]

/**
 * Writes images with what a model says of them as a PNG. Text is drawn pixel by pixel, since a machine without fonts
 * would show none.
 */
export async function contactSheet(shown: readonly Shown[], path: string): Promise<void> {
  const rows = Math.ceil(shown.length / columns)
  const cell = { width: picture + gap, height: picture + captions + gap }
  const width = columns * cell.width + gap
  const height = rows * cell.height + gap
  const data = new Uint8Array(width * height * 3).fill(255)
  const canvas = { width, height, data }
  for (const [i, { image, label, predicted, probability }] of shown.entries()) {
    const left = gap + (i % columns) * cell.width
    const top = gap + Math.floor(i / columns) * cell.height
    drawImage(canvas, image, left, top)
    const good = label === predicted
    const below = top + picture + 6
    const said = `${predicted} ${Math.round(100 * probability)}%`
    drawText(canvas, fits(said) ? said : cut(predicted), left, below, scale, good ? right : wrong)
    if (!good) drawText(canvas, cut(`is: ${label}`), left, below + scale * lineHeight + 2, scale, ink)
  }
  const { default: sharp } = await import("sharp")
  await writeFileAtomic(
    path,
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  )
}

const fits = (text: string): boolean => textWidth(text) * scale <= picture

function cut(text: string): string {
  let short = text
  while (short.length > 1 && !fits(short)) short = short.slice(0, -1)
  return short
}

/** Enlarged to `picture` pixels, each pixel a square. */
function drawImage(
  { width, data }: { readonly width: number; readonly data: Uint8Array },
  image: Image,
  left: number,
  top: number,
): void {
  for (let y = 0; y < picture; y++)
    for (let x = 0; x < picture; x++) {
      const row = Math.floor((y * image.height) / picture)
      const column = Math.floor((x * image.width) / picture)
      const from = (row * image.width + column) * image.channels
      for (let c = 0; c < 3; c++)
        data[((top + y) * width + left + x) * 3 + c] = image.data[from + (image.channels === 1 ? 0 : c)] as number
    }
}

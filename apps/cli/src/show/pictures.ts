import type { Image } from "vitrine"
import { colors } from "../output.ts"
import type { Shown } from "./contact-sheet.ts"
import { percent } from "./text.ts"

/** Predictions as text: with pictures in rows where colours can be shown, else as a list. */
export function picturesInText(shown: readonly Shown[], pictures: boolean): string {
  return pictures ? rows(shown.slice(0, 8)) : shown.map((each) => `  ${caption(each)}`).join("\n")
}

function caption({ label, predicted, probability }: Shown): string {
  const right = label === predicted
  return `${right ? "✓" : "✗"} ${predicted} ${percent(probability, 0)}${right ? "" : ` (it is: ${label})`}`
}

/** As many pictures beside each other as the terminal holds, each over its caption. */
function rows(shown: readonly Shown[]): string {
  const { green, red } = colors
  const side = Math.max(...shown.map(({ image }) => image.width))
  const perRow = Math.max(1, Math.floor(((process.stdout.columns ?? 80) + 2) / (side + 2)))
  const lines: string[] = []
  for (let from = 0; from < shown.length; from += perRow) {
    const some = shown.slice(from, from + perRow)
    const drawn = some.map(({ image }) => halfBlocks(image))
    for (let y = 0; y < (drawn[0]?.length ?? 0); y++) lines.push(drawn.map((picture) => picture[y]).join("  "))
    const captions = some.map((each) => {
      const text = caption(each).slice(0, side).padEnd(side)
      return each.label === each.predicted ? green(text) : red(text)
    })
    lines.push(captions.join("  "), "")
  }
  return lines.join("\n")
}

/** Each character shows two pixels, one above the other. */
function halfBlocks({ width, height, channels, data }: Image): string[] {
  const color = (x: number, y: number): string => {
    const at = (Math.min(y, height - 1) * width + x) * channels
    return [0, 1, 2].map((c) => data[at + (channels === 1 ? 0 : c)]).join(";")
  }
  return Array.from({ length: Math.ceil(height / 2) }, (_, row) => {
    let line = ""
    for (let x = 0; x < width; x++) line += `\x1b[38;2;${color(x, 2 * row)};48;2;${color(x, 2 * row + 1)}m▀`
    return `${line}\x1b[0m`
  })
}

import { drawShape } from "@vitrine/data"
import type { Drawing } from "../engine/guide.ts"

/** Ten drawings, one of each class. Each round has others. The first of round 3 is the one of `first.json`. */
export function drawRound(round: number): Drawing[] {
  return Array.from({ length: 10 }, (_, i) => {
    const label = (i + round) % 10
    const { data, width, height } = drawShape(label, [0x6775, round * 1000 + i])
    return { label, width, height, pixels: data }
  })
}

import { strings } from "../strings/index.ts"
import { type Answer, origin, summary } from "./state.ts"

/** The name of a class in the reader's language, or the words for no object. */
export function nameOf(label: number): string {
  const t = strings.value.detect
  const name = summary.value?.labels[label]
  if (name === undefined) return t.noObject
  return origin.value.kind === "builtIn" ? (t.shapes[name] ?? name) : name
}

const tones = 6

/** The name of the colour of a class. */
export const toneOf = (label: number): string => `tone${label % tones}`

/** The more probable of an answer's class and no object. */
export function likeliest({ label, score, nothing }: Answer): { name: string; share: number; tone: string } {
  return nothing > score
    ? { name: strings.value.detect.noObject, share: nothing, tone: "none" }
    : { name: nameOf(label), share: score, tone: toneOf(label) }
}

import { expect, test } from "vitest"
import { guide } from "../../src/strings/en-guide.ts"

/** The sentences of a text. */
const sentencesOf = (text: string): string[] => text.split(/(?<=[.!?])\s+(?=\p{Lu})/u)

const wordsOf = (sentence: string): number => sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length

test("the guide is written in short sentences", () => {
  const paragraphs = [guide.lead, ...Object.values(guide.steps).flatMap(({ text }) => text)]
  const sentences = paragraphs.flatMap(sentencesOf)
  const lengths = sentences.map(wordsOf).sort((a, b) => a - b)
  expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(14)
  expect(sentences.filter((sentence) => wordsOf(sentence) > 28)).toEqual([])
})

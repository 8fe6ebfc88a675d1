import { VitrineError } from "@vitrine/core"
import fc from "fast-check"
import { expect, test } from "vitest"
import { alphabet, charactersOf, graphemes } from "../src/index.ts"

test("every text comes back, whatever its characters", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }), (texts) => {
      const own = alphabet(charactersOf(texts))
      for (const text of texts) {
        const tokens = own.encode(text)
        expect(tokens.length).toBe(graphemes(text).length)
        expect(tokens.every((token) => token >= 2 && token < own.size)).toBe(true)
        expect(own.decode([own.begin, ...tokens, own.end])).toBe(text.normalize("NFC"))
      }
    }),
  )
})

test("characters are graphemes, composed, in order", () => {
  expect(charactersOf(["ba", "e\u0301", "👩‍🚀b"])).toEqual(["a", "b", "é", "👩‍🚀"])
})

test("what is no character, or not in the alphabet, is named", () => {
  const refused = (run: () => unknown, message: string): void =>
    expect(run).toThrow(new VitrineError("config", message))
  refused(() => alphabet(["a", "bc"]), 'alphabet: "bc" is not one character')
  refused(() => alphabet(["a", ""]), 'alphabet: "" is not one character')
  refused(() => alphabet(["a", "b", "a"]), 'alphabet: "a" stands there twice')
  refused(() => alphabet(["a"]).encode("ab"), '"ab" has the character "b", which is not in the alphabet')
})

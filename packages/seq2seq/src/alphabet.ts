import { VitrineError } from "@vitrine/core"

/** Characters as tokens. Token 0 ends a text, token 1 begins it, and the characters follow. */
export interface Alphabet {
  /** Distinct graphemes: characters as people see them. */
  readonly characters: readonly string[]
  readonly begin: 1
  readonly end: 0
  /** The number of tokens, with `begin` and `end`. */
  readonly size: number
  /**
   * The tokens of a text, without `begin` and `end`.
   * @throws VitrineError (config) with the first character that is not in the alphabet
   */
  encode(text: string): number[]
  /** The text of tokens. `begin` and `end` are left out. */
  decode(tokens: Iterable<number>): string
}

/**
 * The tokens of these characters, behind the two for the end and the start.
 * @throws VitrineError (config) if a character is not exactly one grapheme, or occurs twice
 */
export function alphabet(characters: readonly string[]): Alphabet {
  const tokens = new Map<string, number>()
  for (const character of characters) {
    const parts = typeof character === "string" ? graphemes(character) : []
    if (parts.length !== 1 || parts[0] !== character)
      throw new VitrineError("config", `alphabet: ${JSON.stringify(character)} is not one character`)
    if (tokens.has(character))
      throw new VitrineError("config", `alphabet: ${JSON.stringify(character)} stands there twice`)
    tokens.set(character, tokens.size + 2)
  }
  return {
    characters: [...characters],
    begin: 1,
    end: 0,
    size: characters.length + 2,
    encode: (text) =>
      graphemes(text).map((character) => {
        const token = tokens.get(character)
        if (token === undefined)
          throw new VitrineError(
            "config",
            `${JSON.stringify(text)} has the character ${JSON.stringify(character)}, which is not in the alphabet`,
          )
        return token
      }),
    decode: (text) => Array.from(text, (token) => characters[token - 2] ?? "").join(""),
  }
}

/** The distinct characters of texts, in the order of their code points. */
export function charactersOf(texts: Iterable<string>): string[] {
  const characters = new Set<string>()
  for (const text of texts) for (const character of graphemes(text)) characters.add(character)
  return [...characters].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** The graphemes of a text, composed (NFC). */
export function graphemes(text: string): string[] {
  return Array.from(
    new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text.normalize("NFC")),
    (s) => s.segment,
  )
}

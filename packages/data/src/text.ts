/**
 * The greatest depth of nested JSON and XML. Useful files have a depth of 5. Recursive parsers and printers fail only
 * at a far greater depth.
 */
export const deepest = 64

/**
 * The lines of a text without their ends, one after the other. A list of all lines would need far more memory than the
 * text.
 */
export function* textLines(text: string): Generator<string, void, void> {
  for (let start = 0; start <= text.length; ) {
    const lineEnd = text.indexOf("\n", start)
    const end = lineEnd < 0 ? text.length : lineEnd
    yield text.slice(start, lineEnd > start && text.charCodeAt(end - 1) === 0x0d ? end - 1 : end)
    start = end + 1
  }
}

/** Whether JSON is nested more than `deepest` deep. It counts brackets, before the JSON is parsed. */
export const isDeepJson = (text: string): boolean => jsonFault(text) === faults.deep

/** The number of lists and objects, and of commas, in the JSON of a file. */
export interface JsonCount {
  lists: number
  commas: number
}

/** The greatest numbers of a file. Beyond these the values would need gigabytes, and Node would end without a word. */
const mostJson: JsonCount = { lists: 10_000_000, commas: 100_000_000 }

const faults = {
  deep: `is nested more than ${deepest} deep`,
  lists: `holds more than ${mostJson.lists / 1e6} million lists and objects`,
  commas: `holds more than ${mostJson.commas / 1e6} million values`,
} as const

/**
 * What keeps JSON from being parsed, or undefined. It counts brackets and commas outside of texts.
 * @param count the counts of earlier lines of the same file, to which those of this one are added
 */
export function jsonFault(
  text: string,
  count: JsonCount = { lists: 0, commas: 0 },
  most: JsonCount = mostJson,
): string | undefined {
  let depth = 0
  let inString = false
  let { lists, commas } = count
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x2c) commas++
    else if (c === 0x7b || c === 0x5b) {
      lists++
      if (++depth > deepest) return faults.deep
    } else if (c === 0x7d || c === 0x5d) depth--
  }
  Object.assign(count, { lists, commas })
  return lists > most.lists ? faults.lists : commas > most.commas ? faults.commas : undefined
}

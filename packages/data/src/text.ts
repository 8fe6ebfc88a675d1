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
export function isDeepJson(text: string): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > deepest) return true
    } else if (c === 0x7d || c === 0x5d) depth--
  }
  return false
}

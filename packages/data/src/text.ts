/** How deep JSON and XML may be nested. What is read goes 5 deep; parsers and printers that call themselves fail far deeper. */
export const deepest = 64

/** The lines of a text, one after the other, without their ends. A list of all would take far more memory than the text. */
export function* textLines(text: string): Generator<string, void, void> {
  for (let start = 0; start <= text.length; ) {
    const found = text.indexOf("\n", start)
    const end = found < 0 ? text.length : found
    yield text.slice(start, found > start && text.charCodeAt(end - 1) === 0x0d ? end - 1 : end)
    start = end + 1
  }
}

/** Whether JSON is nested more than `deepest` deep; by its brackets alone, before it is parsed. */
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

/** What was passed over in annotation files: how many things, and the first of them by name, a line each. */
export interface Faults {
  readonly count: number
  readonly lines: readonly string[]
}

const mostLines = 100

/** Collects faults. */
export function faultList(): Faults & { add(line: string): void } {
  const lines: string[] = []
  let count = 0
  return {
    lines,
    get count() {
      return count
    },
    add(line) {
      count++
      if (lines.length < mostLines) lines.push(line)
    },
  }
}

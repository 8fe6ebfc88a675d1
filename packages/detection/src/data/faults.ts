/** Faults of annotation files: their number, and a line for each of the first faults. */
export interface Faults {
  readonly count: number
  readonly lines: readonly string[]
}

const mostLines = 100

/** A list that collects faults. */
export interface FaultList extends Faults {
  add(line: string): void
}

export function faultList(): FaultList {
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

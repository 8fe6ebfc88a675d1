/** Steps over which the pace is averaged. */
const window = 50

/** How fast the last steps followed each other. Time spent on other things is taken out. */
export interface Pace {
  /** Notes that a step has ended. */
  step(): void
  /** Runs something that is no part of training. */
  aside<T>(action: () => Promise<T>): Promise<T>
  readonly secondsPerStep: number
}

export function pace(): Pace {
  let last = performance.now()
  const spans: number[] = []
  return {
    step() {
      const now = performance.now()
      spans.push(now - last)
      last = now
      if (spans.length >= window) spans.shift()
    },
    async aside(action) {
      const start = performance.now()
      try {
        return await action()
      } finally {
        last += performance.now() - start
      }
    },
    get secondsPerStep() {
      return spans.reduce((sum, span) => sum + span, 0) / 1000 / Math.max(1, spans.length)
    },
  }
}

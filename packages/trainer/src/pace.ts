/** Number of steps over which the pace is averaged. */
const window = 50

/**
 * Measures the time between steps. Time spent on other work is subtracted. The first step counts only until there is a second,
 * because engines are still starting in it.
 */
export interface Pace {
  /** Records the end of a step. */
  step(): void
  /** Runs other work, such as an evaluation, whose time does not count. */
  aside<T>(action: () => Promise<T>): Promise<T>
  readonly secondsPerStep: number
}

export function pace(): Pace {
  let last = performance.now()
  const spans: number[] = []
  let steps = 0
  return {
    step() {
      const now = performance.now()
      spans.push(now - last)
      last = now
      steps++
      if (steps === 2 || spans.length > window) spans.shift()
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

/** Steps over which the pace is averaged. */
const window = 50

/** How fast steps follow each other lately; time spent on other things is taken out. */
export interface Pace {
  /** Notes that a step has ended. */
  step(): void
  /** Runs something that is no part of training. */
  aside<T>(action: () => Promise<T>): Promise<T>
  readonly secondsPerStep: number
}

export function pace(): Pace {
  const ends = [performance.now()]
  return {
    step() {
      ends.push(performance.now())
      if (ends.length > window) ends.shift()
    },
    async aside(action) {
      const begun = performance.now()
      try {
        return await action()
      } finally {
        const spent = performance.now() - begun
        ends.forEach((end, i) => {
          ends[i] = end + spent
        })
      }
    },
    get secondsPerStep() {
      return ((ends.at(-1) as number) - (ends[0] as number)) / 1000 / Math.max(1, ends.length - 1)
    },
  }
}

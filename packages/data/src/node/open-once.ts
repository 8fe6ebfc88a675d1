/** Files that are opened when they are first used. */
export interface OpenOnce<F> {
  file(number: number): Promise<F>
  /** Closes the files that were opened. */
  close(): Promise<void>
}

/** Opens each of some numbered files at most once. */
export function openOnce<F extends { close(): Promise<void> }>(open: (number: number) => Promise<F>): OpenOnce<F> {
  const files = new Map<number, Promise<F>>()
  return {
    file(number) {
      const earlier = files.get(number)
      if (earlier !== undefined) return earlier
      const file = open(number)
      file.catch(() => {}) // The error is reported when an image is read.
      files.set(number, file)
      return file
    },
    async close() {
      for (const file of files.values())
        await file.then(
          ({ close }) => close(),
          () => {},
        )
    },
  }
}

/** Enough to keep decoding threads busy while this one transforms. */
const ahead = 3

/** What `read` gives of each example in turn, while the next ones are read already. */
export async function* readAhead<T>(
  examples: ArrayLike<number>,
  read: (example: number) => Promise<T>,
): AsyncGenerator<T, void, void> {
  const reads: Promise<T>[] = []
  for (let row = 0; row < examples.length; row++) {
    while (reads.length < examples.length && reads.length <= row + ahead) {
      const next = read(examples[reads.length] as number)
      next.catch(() => {}) // An error is reported when its row is reached.
      reads.push(next)
    }
    yield await (reads[row] as Promise<T>)
  }
}

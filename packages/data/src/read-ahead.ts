/** The number of reads that keep decoding threads busy while this thread transforms. */
const ahead = 3

/** Reads examples in order. While the caller uses one, the next ones are already being read. */
export async function* readAhead<T>(
  examples: Iterable<number>,
  read: (example: number) => Promise<T>,
): AsyncGenerator<readonly [example: number, value: T], void, void> {
  const reads: { readonly example: number; readonly value: Promise<T> }[] = []
  for (const example of examples) {
    const value = read(example)
    value.catch(() => {}) // The error is reported when the loop reaches the row.
    reads.push({ example, value })
    if (reads.length <= ahead) continue
    const first = reads.shift()
    if (first) yield [first.example, await first.value]
  }
  for (const rest of reads) yield [rest.example, await rest.value]
}

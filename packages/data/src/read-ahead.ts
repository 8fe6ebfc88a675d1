/** Enough to keep decoding threads busy while this one transforms. */
const ahead = 3

/** Reads examples in turn. While the caller uses one, the next ones are read. */
export async function* readAhead<T>(
  examples: Iterable<number>,
  read: (example: number) => Promise<T>,
): AsyncGenerator<readonly [example: number, value: T], void, void> {
  const reads: { readonly example: number; readonly value: Promise<T> }[] = []
  for (const example of examples) {
    const value = read(example)
    value.catch(() => {}) // An error is reported when its row is reached.
    reads.push({ example, value })
    if (reads.length <= ahead) continue
    const first = reads.shift()
    if (first) yield [first.example, await first.value]
  }
  for (const rest of reads) yield [rest.example, await rest.value]
}

/** Runs a task for each item, some at a time, and returns the results in order. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  atOnce: number,
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += atOnce)
    results.push(...(await Promise.all(items.slice(i, i + atOnce).map((item, k) => task(item, i + k)))))
  return results
}

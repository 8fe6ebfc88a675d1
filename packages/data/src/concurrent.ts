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

/** Runs a task for each item, some at a time. */
export async function eachConcurrently<T>(
  items: Iterable<T>,
  atOnce: number,
  task: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let some: Promise<void>[] = []
  let index = 0
  for (const item of items) {
    some.push(task(item, index++))
    if (some.length < atOnce) continue
    await Promise.all(some)
    some = []
  }
  await Promise.all(some)
}

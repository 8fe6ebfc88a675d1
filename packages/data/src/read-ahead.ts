/** The number of reads that keep decoding threads busy while this thread transforms. */
const ahead = 3

/** The greatest number of pixels that are decoded ahead. */
const aheadPixels = 48e6

/** Waits until an image with so many pixels may be decoded. A reader calls it once, when it knows the image's header. */
export type Admit = (pixels: number) => Promise<void>

interface Read<E, T> {
  readonly example: E
  readonly value: Promise<T>
  readonly admission: Admission
}

interface Admission {
  pixels: number
  /** Present while the image waits. */
  start?: (() => void) | undefined
}

/**
 * Reads examples in order. While the caller uses one, the next ones are already being read. Those that are decoded have
 * at most `most` pixels, beside the next one, which never waits.
 * @param read calls `admit` before it decodes an image. One that does not call it takes no memory to speak of.
 */
export async function* readAhead<E, T>(
  examples: Iterable<E>,
  read: (example: E, admit: Admit) => Promise<T>,
  most: number = aheadPixels,
): AsyncGenerator<readonly [example: E, value: T], void, void> {
  const admissions: Admission[] = []
  const reads: Read<E, T>[] = []
  let decoded = 0
  const admitWaiting = (): void => {
    for (const [place, admission] of admissions.entries()) {
      if (admission.start === undefined || (place > 0 && decoded + admission.pixels > most)) continue
      decoded += admission.pixels
      admission.start()
      admission.start = undefined
    }
  }
  const begin = (example: E): void => {
    const admission: Admission = { pixels: 0 }
    admissions.push(admission)
    const value = read(
      example,
      (pixels) =>
        new Promise((resolve) => {
          admission.pixels = pixels
          admission.start = resolve
          admitWaiting()
        }),
    )
    value.catch(() => {}) // The error is reported when the loop reaches the row.
    reads.push({ example, value, admission })
  }
  const take = async ({ example, value, admission }: Read<E, T>): Promise<readonly [E, T]> => {
    const result = await value
    admissions.shift()
    decoded -= admission.pixels
    admitWaiting()
    return [example, result]
  }
  for (const example of examples) {
    begin(example)
    if (reads.length <= ahead) continue
    const first = reads.shift()
    if (first) yield await take(first)
  }
  for (const rest of reads) yield await take(rest)
}

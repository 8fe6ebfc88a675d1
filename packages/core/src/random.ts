/**
 * The key of counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", 2011), the generator of `jax.random`. A key and a counter give the same bits on every machine and backend, in
 * any order, so no random state has to be saved.
 */
export type Key = readonly [number, number]

/**
 * Writes the words of consecutive counters `(high, low)`, `(high, low + 1)`, … into `out`, two words for each counter.
 */
function words([k0, k1]: Key, high: number, low: number, out: Uint32Array): void {
  const k2 = k0 ^ k1 ^ 0x1bd11bda
  for (let i = 0; i + 1 < out.length; i += 2) {
    let x = (high + k0) | 0
    let y = (low + (i >>> 1) + k1) | 0
    // After each four rounds the next two words of the key are added: k1 k2, k2 k0, k0 k1, k1 k2, k2 k0.
    for (let group = 0; ; group += 2) {
      x = (x + y) | 0
      y = ((y << 13) | (y >>> 19)) ^ x
      x = (x + y) | 0
      y = ((y << 15) | (y >>> 17)) ^ x
      x = (x + y) | 0
      y = ((y << 26) | (y >>> 6)) ^ x
      x = (x + y) | 0
      y = ((y << 6) | (y >>> 26)) ^ x
      x = (x + (group === 2 ? k0 : group === 4 ? k2 : k1)) | 0
      y = (y + (group === 2 ? k1 : group === 4 ? k0 : k2) + group + 1) | 0
      if (group === 4) break
      x = (x + y) | 0
      y = ((y << 17) | (y >>> 15)) ^ x
      x = (x + y) | 0
      y = ((y << 29) | (y >>> 3)) ^ x
      x = (x + y) | 0
      y = ((y << 16) | (y >>> 16)) ^ x
      x = (x + y) | 0
      y = ((y << 24) | (y >>> 8)) ^ x
      x = (x + (group === 0 ? k2 : k1)) | 0
      y = (y + (group === 0 ? k0 : k2) + group + 2) | 0
    }
    out[i] = x
    out[i + 1] = y
  }
}

/** The two 32-bit words (unsigned) that `key` gives at the counter `(c0, c1)`. */
export function threefry(key: Key, c0: number, c1: number): Key {
  const out = new Uint32Array(2)
  words(key, c0, c1, out)
  const [x = 0, y = 0] = out
  return [x, y]
}

/** A key from an integer seed, up to 2^53, as `jax.random.key` splits it. */
export function keyFromSeed(seed: number): Key {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a safe integer, got ${seed}`)
  return [Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0]
}

/**
 * Derives a new key from `key` and each part of a path: a name (hashed by FNV-1a) or an integer. Never use one key
 * twice.
 */
export function foldKey(key: Key, ...path: readonly (string | number)[]): Key {
  let k = key
  for (const part of path) {
    if (typeof part === "number") k = threefry(k, Math.floor(part / 2 ** 32) >>> 0, part >>> 0)
    else {
      let h = 0x811c9dc5
      for (let i = 0; i < part.length; i++) h = Math.imul(h ^ part.charCodeAt(i), 0x01000193)
      k = threefry(k, h >>> 0, part.length)
    }
  }
  return k
}

/** A stream of random numbers from one key. Each call takes the next ones. */
export interface RandomStream {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number
  /** Standard normal (Box–Muller). */
  normal(): number
  /** A uniform integer in [0, n). */
  integer(n: number): number
}

/** A stream of random numbers. They depend on the key alone. */
export function randomStream(key: Key): RandomStream {
  const block = new Uint32Array(32)
  let counter = 0
  let at = block.length
  const uniform = (): number => {
    if (at === block.length) {
      words(key, Math.floor(counter / 2 ** 32), counter >>> 0, block)
      counter += block.length / 2
      at = 0
    }
    return (block[at++] as number) / 2 ** 32
  }
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    integer: (n) => Math.floor(uniform() * n),
  }
}

/** The integers 0 … n − 1 in a random order that follows from `key` (Fisher–Yates). */
export function permutation(key: Key, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  const { integer } = randomStream(key)
  for (let i = n - 1; i > 0; i--) {
    const j = integer(i + 1)
    const first = order[i] as number
    order[i] = order[j] as number
    order[j] = first
  }
  return order
}

/**
 * The mask of inverted dropout: each entry is 0 with probability `rate`, else 1 / (1 − rate). Each entry uses 16 random
 * bits, the lower half of a word first, so the probability is `rate` rounded to a multiple of 2⁻¹⁶.
 */
export function dropoutMask(key: Key, rate: number, out: Float32Array | Float64Array): void {
  const threshold = Math.round(rate * 2 ** 16)
  const scale = 1 / (1 - rate)
  const block = new Uint32Array(2048)
  for (let start = 0; start < out.length; start += 2 * block.length) {
    words(key, 0, start / 4, block)
    const end = Math.min(2 * block.length, out.length - start)
    for (let i = 0; i < end; i++) {
      const word = block[i >>> 1] as number
      out[start + i] = (i % 2 === 0 ? word & 0xffff : word >>> 16) < threshold ? 0 : scale
    }
  }
}

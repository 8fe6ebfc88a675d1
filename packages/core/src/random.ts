/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", 2011), the generator of `jax.random`. A key and a counter give the same bits on every machine and
 * backend, in any order, so nothing random has a state that must be saved.
 */
export type Key = readonly [number, number]

const rotl = (x: number, r: number): number => (x << r) | (x >>> (32 - r))

/** The two 32-bit words (unsigned) that `key` gives at the counter `(c0, c1)`. */
export function threefry([k0, k1]: Key, c0: number, c1: number): Key {
  const k2 = k0 ^ k1 ^ 0x1bd11bda
  let x = (c0 + k0) | 0
  let y = (c1 + k1) | 0
  const even = (): void => {
    x = (x + y) | 0
    y = rotl(y, 13) ^ x
    x = (x + y) | 0
    y = rotl(y, 15) ^ x
    x = (x + y) | 0
    y = rotl(y, 26) ^ x
    x = (x + y) | 0
    y = rotl(y, 6) ^ x
  }
  const odd = (): void => {
    x = (x + y) | 0
    y = rotl(y, 17) ^ x
    x = (x + y) | 0
    y = rotl(y, 29) ^ x
    x = (x + y) | 0
    y = rotl(y, 16) ^ x
    x = (x + y) | 0
    y = rotl(y, 24) ^ x
  }
  const inject = (a: number, b: number, round: number): void => {
    x = (x + a) | 0
    y = (y + b + round) | 0
  }
  even()
  inject(k1, k2, 1)
  odd()
  inject(k2, k0, 2)
  even()
  inject(k0, k1, 3)
  odd()
  inject(k1, k2, 4)
  even()
  inject(k2, k0, 5)
  return [x >>> 0, y >>> 0]
}

/** A key from an integer seed, up to 2^53, as `jax.random.key` splits it. */
export function keyFromSeed(seed: number): Key {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a safe integer, got ${seed}`)
  return [Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0]
}

/** A new key derived from `key` by each part of a path: names (FNV-1a) and integers alike. Never use one key twice. */
export function fold(key: Key, ...path: readonly (string | number)[]): Key {
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

/** A stream of numbers from one key: each call takes the next ones. */
export interface Stream {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number
  /** Standard normal (Box–Muller). */
  normal(): number
  /** A uniform integer in [0, n). */
  integer(n: number): number
}

export function stream(key: Key): Stream {
  let counter = 0
  let spare: number | undefined
  const next = (): number => {
    if (spare !== undefined) {
      const word = spare
      spare = undefined
      return word
    }
    const [a, b] = threefry(key, Math.floor(counter / 2 ** 32), counter >>> 0)
    counter++
    spare = b
    return a
  }
  const uniform = (): number => next() / 2 ** 32
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    integer: (n) => Math.floor(uniform() * n),
  }
}

/** The integers 0 … n − 1 in an order that `key` alone decides (Fisher–Yates). */
export function permutation(key: Key, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  const { integer } = stream(key)
  for (let i = n - 1; i > 0; i--) {
    const j = integer(i + 1)
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  return order
}

/** The mask of inverted dropout: each entry is 0 with probability `rate`, else 1 / (1 − rate). */
export function dropoutMask(key: Key, rate: number, out: Float32Array | Float64Array): void {
  const threshold = rate * 2 ** 32
  const kept = 1 / (1 - rate)
  for (let i = 0; i < out.length; i += 2) {
    const [a, b] = threefry(key, 0, i >>> 1)
    out[i] = a < threshold ? 0 : kept
    if (i + 1 < out.length) out[i + 1] = b < threshold ? 0 : kept
  }
}

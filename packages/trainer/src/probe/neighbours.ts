import type { Features } from "./features.ts"

export interface NeighbourOptions {
  /** Neighbours that vote, at most as many as there are; 20 by default. */
  readonly k?: number | undefined
  /** A neighbour of cosine similarity s votes with weight exp(s / temperature); 0.07 by default. */
  readonly temperature?: number | undefined
}

/** Each row divided by its length. */
function normalized({ values, width, labels }: Features): Float32Array {
  const out = new Float32Array(values.length)
  for (let row = 0; row < labels.length; row++) {
    let square = 0
    for (let i = row * width; i < (row + 1) * width; i++) square += (values[i] as number) ** 2
    const factor = 1 / Math.max(Math.sqrt(square), 1e-12)
    for (let i = row * width; i < (row + 1) * width; i++) out[i] = (values[i] as number) * factor
  }
  return out
}

/**
 * The votes of each row's nearest training examples by cosine similarity, `[rows, classes]`: the weighted k-nearest-neighbour
 * classifier of DINO (Caron et al., 2021; `eval_knn.py`).
 */
export function neighbourVotes(
  train: Features,
  query: Features,
  classes: number,
  { k = 20, temperature = 0.07 }: NeighbourOptions = {},
): Float64Array {
  const { width } = train
  const known = normalized(train)
  const asked = normalized(query)
  const rows = query.labels.length
  const count = Math.min(k, train.labels.length)
  const votes = new Float64Array(rows * classes)
  // The nearest so far, the nearest first.
  const nearest = new Float64Array(count)
  const labels = new Int32Array(count)
  for (let row = 0; row < rows; row++) {
    nearest.fill(Number.NEGATIVE_INFINITY)
    for (let other = 0; other < train.labels.length; other++) {
      const similarity = dot(asked, row * width, known, other * width, width)
      if (similarity <= (nearest[count - 1] as number)) continue
      let at = count - 1
      for (; at > 0 && (nearest[at - 1] as number) < similarity; at--) {
        nearest[at] = nearest[at - 1] as number
        labels[at] = labels[at - 1] as number
      }
      nearest[at] = similarity
      labels[at] = train.labels[other] as number
    }
    for (let i = 0; i < count; i++) {
      const place = row * classes + (labels[i] as number)
      votes[place] = (votes[place] as number) + Math.exp((nearest[i] as number) / temperature)
    }
  }
  return votes
}

/** Four sums side by side, which a processor adds up faster than one. */
function dot(a: Float32Array, at: number, b: Float32Array, bt: number, length: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < length; i += 4) {
    s0 += (a[at + i] as number) * (b[bt + i] as number)
    s1 += (a[at + i + 1] as number) * (b[bt + i + 1] as number)
    s2 += (a[at + i + 2] as number) * (b[bt + i + 2] as number)
    s3 += (a[at + i + 3] as number) * (b[bt + i + 3] as number)
  }
  for (; i < length; i++) s0 += (a[at + i] as number) * (b[bt + i] as number)
  return s0 + s1 + s2 + s3
}

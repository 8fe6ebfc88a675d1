import { type Backend, graph, type HostData, ops } from "@vitrine/core"
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

/** Rows that are compared with all examples at a time. */
const blockRows = 256

/**
 * The votes of each row's nearest training examples by cosine similarity, `[rows, classes]`: the weighted k-nearest-neighbour
 * classifier of DINO (Caron et al., 2021; `eval_knn.py`). Similarities are matrix products on the backend.
 */
export async function neighbourVotes(
  backend: Backend,
  train: Features,
  query: Features,
  classes: number,
  { k = 20, temperature = 0.07 }: NeighbourOptions = {},
): Promise<Float64Array> {
  const { width } = train
  const examples = train.labels.length
  const asked = normalized(query)
  const rows = query.labels.length
  const votes = new Float64Array(rows * classes)
  const known = ops.state("known", [examples, width])
  const similarities = ops.matMul(ops.input("asked", ["batch", width]), known, { transposeB: true })
  const block = Math.min(blockRows, rows)
  const program = await backend.compile(graph({ outputs: { similarities } }), {
    batch: block,
    constants: { known: normalized(train) },
  })
  try {
    const vote = voter(train.labels, Math.min(k, examples))
    for (let begin = 0; begin < rows; begin += block) {
      const count = Math.min(block, rows - begin)
      const part = new Float32Array(block * width)
      part.set(asked.subarray(begin * width, (begin + count) * width))
      const { similarities: found } = await program.run({ asked: part })
      const values = found?.data as HostData
      for (let row = 0; row < count; row++)
        vote(values.subarray(row * examples, (row + 1) * examples), (label, similarity) => {
          const place = (begin + row) * classes + label
          votes[place] = (votes[place] as number) + Math.exp(similarity / temperature)
        })
    }
  } finally {
    await program.dispose()
  }
  return votes
}

/** Lets the most similar examples of a row speak. */
function voter(labels: ArrayLike<number>, count: number) {
  // The nearest so far, the nearest first.
  const nearest = new Float64Array(count)
  const theirs = new Int32Array(count)
  return (similarities: HostData, speak: (label: number, similarity: number) => void): void => {
    nearest.fill(Number.NEGATIVE_INFINITY)
    for (let other = 0; other < similarities.length; other++) {
      const similarity = similarities[other] as number
      if (similarity <= (nearest[count - 1] as number)) continue
      let at = count - 1
      for (; at > 0 && (nearest[at - 1] as number) < similarity; at--) {
        nearest[at] = nearest[at - 1] as number
        theirs[at] = theirs[at - 1] as number
      }
      nearest[at] = similarity
      theirs[at] = labels[other] as number
    }
    for (let i = 0; i < count; i++) speak(theirs[i] as number, nearest[i] as number)
  }
}

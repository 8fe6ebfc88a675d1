import { type Backend, graph, type HostData, ops } from "@vitrine/core"
import type { Features } from "./features.ts"

/** Options of the vote of nearest neighbours. */
export interface NeighbourOptions {
  /** The number of neighbours that vote; 20 by default. If there are fewer examples, all vote. */
  readonly k?: number | undefined
  /** A neighbour of cosine similarity s votes with weight exp(s / temperature); 0.07 by default. */
  readonly temperature?: number | undefined
}

/** Divides each row by its length. */
function normalized({ values, width }: Features): Float32Array {
  const out = new Float32Array(values.length)
  for (let begin = 0; begin < values.length; begin += width) {
    const row = values.subarray(begin, begin + width)
    const factor = 1 / Math.max(Math.sqrt(row.reduce((sum, x) => sum + x ** 2, 0)), 1e-12)
    out.set(
      row.map((x) => x * factor),
      begin,
    )
  }
  return out
}

/** Number of rows that one product compares with all examples. */
const blockRows = 256

/**
 * The weighted k-nearest-neighbour classifier of DINO (Caron et al., 2021; `eval_knn.py`). It returns the votes of each
 * row's nearest training examples by cosine similarity, `[rows, classes]`. The backend computes the similarities as
 * matrix products.
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
  const queries = normalized(query)
  const rows = query.labels.length
  const votes = new Float64Array(rows * classes)
  const products = ops.matMul(ops.input("queries", ["batch", width]), ops.state("examples", [examples, width]), {
    transposeB: true,
  })
  const block = Math.min(blockRows, rows)
  const program = await backend.compile(graph({ outputs: { similarities: products } }), {
    batch: block,
    constants: { examples: normalized(train) },
  })
  try {
    const nearest = nearestExamples(Math.min(k, examples))
    for (let begin = 0; begin < rows; begin += block) {
      const count = Math.min(block, rows - begin)
      const part = new Float32Array(block * width)
      part.set(queries.subarray(begin * width, (begin + count) * width))
      const { similarities } = await program.run({ queries: part })
      const values = similarities?.data ?? new Float32Array(0)
      for (let row = 0; row < count; row++)
        for (const { example, similarity } of nearest(values.subarray(row * examples, (row + 1) * examples))) {
          const place = (begin + row) * classes + (train.labels[example] ?? 0)
          votes[place] = (votes[place] ?? 0) + Math.exp(similarity / temperature)
        }
    }
  } finally {
    await program.dispose()
  }
  return votes
}

interface Neighbour {
  readonly example: number
  readonly similarity: number
}

/**
 * Makes a function that finds the `count` most similar examples, nearest first, from the similarities of all examples.
 */
function nearestExamples(count: number) {
  return (similarities: HostData): readonly Neighbour[] => {
    const nearest: Neighbour[] = []
    let least = Number.NEGATIVE_INFINITY
    similarities.forEach((similarity, example) => {
      if (nearest.length === count && similarity <= least) return
      const place = nearest.findLastIndex((neighbour) => neighbour.similarity >= similarity) + 1
      nearest.splice(place, 0, { example, similarity })
      if (nearest.length > count) nearest.pop()
      least = nearest.at(-1)?.similarity ?? least
    })
    return nearest
  }
}

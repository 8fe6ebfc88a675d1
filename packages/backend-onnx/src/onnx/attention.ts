import { dimAt, fixed, type Shape, type TensorType } from "@vitrine/core"
import type { OpName } from "@vitrine/core/backend"
import type { Emitter, Value } from "./emitter.ts"
import type { OnnxKernels } from "./kernel.ts"

// Attention over many tokens, a block of queries at a time. The scores of all queries would take memory that grows with
// the square of the tokens; here that of one block is used for all. The backward pass computes them again from the
// logSumExp of each row (Dao et al., "FlashAttention", 2022; Rabe and Staats, "Self-attention does not need O(n²) memory",
// 2021). Fewer tokens are faster as whole matrices, by the decomposition of the core.

/** From how many keys on attention goes by blocks. */
const longFrom = 768
/** The most queries in a block. */
const mostQueries = 256

export function isAttention(op: OpName): boolean {
  return op === "attention" || op === "attentionGrad"
}

/** Whether an attention op with these inputs goes by blocks: where both queries and keys are many. */
export function isLong(inputs: readonly TensorType[]): boolean {
  return inputs.every(({ dtype, shape }) => dtype === "float32" && shape.length > 2 && fixed(shape, -2) >= longFrom)
}

/** How the rows of queries are cut: in blocks of equal size, the last one filled up with zeros. */
interface Blocks {
  readonly count: number
  readonly size: number
  readonly padding: number
}

function blocksOf(shape: Shape): Blocks {
  const rows = fixed(shape, -2)
  const count = Math.ceil(rows / mostQueries)
  const size = Math.ceil(rows / count)
  return { count, size, padding: count * size - rows }
}

/** `[…, rows, width]` as `[…, blocks, size, width]`. */
function cut(e: Emitter, { count, size, padding }: Blocks, x: string, shape: Shape): string {
  const lead = shape.slice(0, -2)
  const width = dimAt(shape, -1)
  const before = shape.map(() => 0)
  const pads = e.ints([...before, ...before.with(-2, padding)])
  const padded = padding === 0 ? x : e.one("Pad", [x, pads])
  return e.reshape(padded, [...lead, count * size, width], [...lead, count, size, width])
}

/** `[…, blocks, size, width]` as `[…, rows, width]`. */
function join(e: Emitter, { count, size, padding }: Blocks, x: string, shape: Shape): string {
  const lead = shape.slice(0, -2)
  const width = dimAt(shape, -1)
  const rows = e.reshape(x, [...lead, count, size, width], [...lead, count * size, width])
  const axis = e.ints([lead.length])
  return padding === 0 ? rows : e.one("Slice", [rows, e.ints([0]), e.ints([fixed(shape, -2)]), axis])
}

/** The type of one block of a value. */
const blockOf = ({ size }: Blocks, { shape, dtype }: TensorType): TensorType => ({ shape: shape.with(-2, size), dtype })

function product(e: Emitter, a: string, b: string, options: { transA?: 1; transB?: 1; alpha?: number }): string {
  const { transA = 0, transB = 0, alpha = 1 } = options
  return e.one("FusedMatMul", [a, b], {
    attributes: { transA, transB, alpha: { float: alpha } },
    domain: "com.microsoft",
  })
}

const zerosLike = ({ shape, dtype }: Value): Value => ({ shape, dtype, of: "", scale: 1, fill: 0, readers: [] })

export const attentionKernels: OnnxKernels = {
  attention: (e, [q, k, v], { scale }, [context, logSumExp]) => {
    const blocks = blocksOf(q.shape)
    const [keys, values] = [e.elements(k), e.elements(v)]
    const queries = cut(e, blocks, e.elements(q), q.shape)
    const axes = e.ints([-1])
    const isTraining = logSumExp.readers.length > 0
    const body = e.body([blockOf(blocks, q)], ([block = ""]) => {
      const scores = product(e, block, keys, { transB: 1, alpha: scale })
      const [contextType, sumType] = [blockOf(blocks, context), blockOf(blocks, logSumExp)]
      if (!isTraining) {
        const weights = e.one("Softmax", [scores], { attributes: { axis: -1 } })
        return [{ ...contextType, name: e.one("MatMul", [weights, values]) }]
      }
      const most = e.one("ReduceMax", [scores, axes], { attributes: { keepdims: 1 } })
      const exponentials = e.one("Exp", [e.one("Sub", [scores, most])])
      const sums = e.one("ReduceSum", [exponentials, axes], { attributes: { keepdims: 1 } })
      const contexts = e.one("Div", [e.one("MatMul", [exponentials, values]), sums])
      return [
        { ...contextType, name: contexts },
        { ...sumType, name: e.one("Add", [most, e.one("Log", [sums])]) },
      ]
    })
    const axis = q.shape.length - 2
    const attributes = {
      body,
      num_scan_inputs: 1,
      scan_input_axes: [axis],
      scan_output_axes: body.outputs.map(() => axis),
    }
    const [contexts = "", sums] = e.node("Scan", [queries], body.outputs.length, { attributes })
    return [join(e, blocks, contexts, context.shape), sums === undefined ? "" : join(e, blocks, sums, logSumExp.shape)]
  },
  attentionGrad: (e, [dcontext, q, k, v, context, logSumExp], { scale }) => {
    const blocks = blocksOf(q.shape)
    const [keys, values] = [e.elements(k), e.elements(v)]
    const [gradient, axes] = [e.elements(dcontext), e.ints([-1])]
    // The sum that softmax's gradient subtracts.
    const along = e.one("Mul", [gradient, e.elements(context)])
    const rows = e.one("ReduceSum", [along, axes], { attributes: { keepdims: 1 } })
    const scanned = [
      [q, e.elements(q)],
      [dcontext, gradient],
      [logSumExp, rows],
      [logSumExp, e.elements(logSumExp)],
    ] as const
    const types = scanned.map(([type]) => blockOf(blocks, type))
    const body = e.body([k, v, ...types], ([dkeys = "", dvalues = "", query = "", dy = "", row = "", sums = ""]) => {
      const scores = product(e, query, keys, { transB: 1, alpha: scale })
      const weights = e.one("Exp", [e.one("Sub", [scores, sums])])
      const dweights = product(e, dy, values, { transB: 1 })
      const dscores = e.one("Mul", [weights, e.one("Sub", [dweights, row])])
      return [
        { ...k, name: e.one("Add", [dkeys, product(e, dscores, query, { transA: 1, alpha: scale })]) },
        { ...v, name: e.one("Add", [dvalues, product(e, weights, dy, { transA: 1 })]) },
        { ...blockOf(blocks, q), name: product(e, dscores, keys, { alpha: scale }) },
      ]
    })
    const axis = q.shape.length - 2
    const attributes = {
      body,
      num_scan_inputs: scanned.length,
      scan_input_axes: scanned.map(() => axis),
      scan_output_axes: [axis],
    }
    const zeros = [k, v].map((value) => e.elements(zerosLike(value)))
    const parts = scanned.map(([{ shape }, name]) => cut(e, blocks, name, shape))
    const [dkeys, dvalues, dqueries] = e.node("Scan", [...zeros, ...parts], 3, { attributes })
    return [join(e, blocks, dqueries, q.shape), dkeys, dvalues]
  },
}

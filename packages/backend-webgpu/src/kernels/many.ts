import { elementCount } from "@vitrine/core/backend"
import type { PointwiseStep } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { isLiteral, isRepeated, type View } from "../plan/view.ts"
import { evaluate, resultOf } from "./pointwise.ts"
import { f, flat, Shader, u } from "./shader.ts"

// Kernels over many tensors at once, such as an optimizer's kernel over all parameters. A table tells each workgroup
// the position of its stretch of elements in each buffer.

/** The number of elements of a workgroup: 256 threads with four vectors of four elements each. */
export const stretch = 4096

/** Steps on one tensor and on its operands. */
export interface LateSet {
  readonly steps: readonly PointwiseStep[]
  readonly operands: readonly Operand[]
  /** The slots that receive results. */
  readonly results: readonly { readonly tensor: Tensor; readonly slot: string }[]
  readonly size: number
}

/** An operand of a late set: a whole tensor, or a single number for all elements. */
interface Operand {
  readonly view: View
  readonly single: boolean
}

/** Makes a late set, and finds its operands and results. */
export function lateSet(steps: readonly PointwiseStep[], slots: ReadonlyMap<Tensor, readonly string[]>): LateSet {
  const computed = new Set(steps.map(({ outputs: [y] }) => y.tensor))
  const size = elementCount(resultOf(steps).shape)
  const operands: Operand[] = []
  for (const view of steps.flatMap(({ inputs }) => [...inputs])) {
    if (isLiteral(view) || computed.has(view.tensor)) continue
    const single = size > 1 ? isRepeated(view) : elementCount(view.tensor.shape) === 1
    const at = operands.findIndex((operand) => beginsWith(operand.view, view))
    if (at < 0) operands.push({ view, single })
    else operands[at] = { view, single }
  }
  const results = [...computed].flatMap((tensor) => (slots.get(tensor) ?? []).map((slot) => ({ tensor, slot })))
  return { steps, operands, results, size }
}

/** Whether two views begin at the same element. */
const beginsWith = (a: View, b: View): boolean => a.tensor === b.tensor && a.offset === b.offset

/** The index of the operand that a view reads, and the operand. */
function operandOf(operands: readonly Operand[], view: View): readonly [number, Operand] {
  for (const [i, operand] of operands.entries()) if (beginsWith(operand.view, view)) return [i, operand]
  throw new Error(`a late step reads [${view.tensor.shape}], which is no operand of its set`)
}

/** A text for the computation of a set. Sets with equal texts do the same computation on different tensors. */
export function signature({ steps, operands, results }: LateSet): string {
  const numbers = new Map(steps.map(({ outputs: [y] }, i) => [y.tensor, i]))
  const text = (view: View): string => {
    const { tensor } = view
    if (tensor.place === "literal") return f(tensor.value)
    if (numbers.has(tensor)) return `step${numbers.get(tensor)}`
    const [i, { single }] = operandOf(operands, view)
    return `${single ? "one" : "each"}${i}`
  }
  const lines = steps.map(
    ({ op, attributes, inputs }) => `${op}${JSON.stringify(attributes)}(${inputs.map(text).join()})`,
  )
  return [...lines, ...results.map(({ tensor }) => `step${numbers.get(tensor)}`)].join(";")
}

/**
 * The code for sets with one signature. `operandBuffers` and `resultBuffers` hold, for each operand and result, the
 * index of the kernel's buffer with its values. `writable` says which buffers are written. The table is the last
 * buffer. A row has the number of vectors, and an offset for each operand and result. Offsets count vectors, or
 * elements for single numbers.
 */
export function lateCode(
  { steps, operands, results }: LateSet,
  operandBuffers: readonly number[],
  resultBuffers: readonly number[],
  writable: readonly boolean[],
): string {
  const shader = new Shader(true)
  const columns = 1 + operands.length + results.length
  const entry = (column: number): string => `table[base + ${u(column)}]`
  for (const [i, isWritten] of writable.entries()) {
    const access = isWritten ? "read_write" : "read"
    shader.global(`@group(0) @binding(${i}) var<storage, ${access}> buffer${i}: array<vec4<f32>>;`)
  }
  shader.global(`@group(0) @binding(${writable.length}) var<storage, read> table: array<u32>;`)
  const loads = operands.map(({ single }, i) => {
    const buffer = `buffer${operandBuffers[i]}`
    return single
      ? `let o${i} = T(${buffer}[${entry(1 + i)} / 4u][${entry(1 + i)} % 4u]);`
      : `let o${i} = ${buffer}[${entry(1 + i)} + n];`
  })
  const reader = (view: View): string => {
    const { tensor } = view
    return tensor.place === "literal" ? `T(${f(tensor.value)})` : `o${operandOf(operands, view)[0]}`
  }
  const values = new Map<Tensor, string>()
  const lines = evaluate(shader, { steps, writes: new Set() }, "n", values, reader)
  const stores = results.map(
    ({ tensor }, i) => `buffer${resultBuffers[i]}[${entry(1 + operands.length + i)} + n] = ${values.get(tensor)};`,
  )
  return shader.text(
    256,
    `let base = ${flat} * ${u(columns)};
if (base >= arrayLength(&table)) { return; }
for (var n = local; n < table[base]; n += 256u) {
  ${[...loads, ...lines, ...stores].join("\n  ")}
}`,
  )
}

/**
 * The code for sums of squares of many tensors in one buffer. Each workgroup sums a stretch. A row of the table has the
 * stretch's number of elements, its offset in vectors, and the index of its sum.
 */
export function squaresCode(): string {
  const shader = new Shader(true)
  shader.global(`@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<u32>;
var<workgroup> pool: array<f32, 256>;`)
  const tree = [128, 64, 32, 16, 8, 4, 2, 1].map(
    (half) => `workgroupBarrier(); if (local < ${u(half)}) { pool[local] += pool[local + ${u(half)}]; }`,
  )
  return shader.text(
    256,
    `let row = ${flat};
let inside = 3u * row < arrayLength(&table);
let size = select(0u, table[3u * row], inside);
let offset = table[3u * row + 1u];
var sum = 0.0f;
for (var n = local; 4u * n < size; n += 256u) {
  let x = source[offset + n];
  // Elements that pad the end of a tensor do not count.
  let inRange = select(T(0), x, vec4<u32>(4u * n, 4u * n + 1u, 4u * n + 2u, 4u * n + 3u) < U(size));
  sum += dot(inRange, inRange);
}
pool[local] = sum;
${tree.join("\n")}
if (local == 0u && inside) { sums[table[3u * row + 2u]] = pool[0]; }`,
  )
}

/**
 * The code that sums parts from other kernels, for many tensors. A row of the table has the number of vectors, the
 * number of parts, the distance from one part to the next, and the offsets of the parts and of the result. Distances
 * and offsets count vectors.
 */
export function sumsCode(): string {
  const shader = new Shader(true)
  shader.global(`@group(0) @binding(0) var<storage, read> parts: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> table: array<u32>;`)
  return shader.text(
    64,
    `let base = ${flat} * 5u;
if (base >= arrayLength(&table)) { return; }
if (local < table[base]) {
  var total = vec4<f32>(0);
  for (var p = 0u; p < table[base + 1u]; p++) { total += parts[table[base + 3u] + p * table[base + 2u] + local]; }
  sums[table[base + 4u] + local] = total;
}`,
  )
}

import type { Step } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { sizeOf, type View } from "../plan/view.ts"
import { evaluate, resultOf } from "./pointwise.ts"
import { f, flat, Shader, u } from "./shader.ts"

// Kernels over many tensors at once, such as an optimizer's over all parameters. Each workgroup finds in a table where
// the stretch of elements that it takes lies in each buffer.

/** Elements that a workgroup takes: 256 threads, four vectors of four each. */
export const stretch = 4096

/** What is computed for one tensor and its companions. */
export interface LateSet {
  readonly steps: readonly Step[]
  /** What it reads: whole tensors, or one number that stands for all. */
  readonly operands: readonly { readonly view: View; readonly single: boolean }[]
  /** Where results go: slots by name. */
  readonly results: readonly { readonly tensor: number; readonly slot: string }[]
  readonly size: number
}

/** Gathers what a set of late steps reads and writes. */
export function lateSet(
  tensors: readonly Tensor[],
  steps: readonly Step[],
  slots: ReadonlyMap<number, readonly string[]>,
): LateSet {
  const made = new Set(steps.map(({ outputs }) => (outputs[0] as View).tensor))
  const size = sizeOf(resultOf(steps).shape)
  const operands = new Map<string, { view: View; single: boolean }>()
  for (const { inputs } of steps)
    for (const view of inputs) {
      const { place, shape } = tensors[view.tensor] as Tensor
      if (place === "literal" || made.has(view.tensor)) continue
      const single = size > 1 ? view.strides.every((step, i) => step === 0 || view.shape[i] === 1) : sizeOf(shape) === 1
      operands.set(operandKey(view), { view, single })
    }
  const results = [...made].flatMap((tensor) => (slots.get(tensor) ?? []).map((slot) => ({ tensor, slot })))
  return { steps, operands: [...operands.values()], results, size }
}

const operandKey = ({ tensor, offset }: View): string => `${tensor}+${offset}`

/** Equal texts mean that two sets compute the same of other tensors. */
export function signature(tensors: readonly Tensor[], { steps, operands, results }: LateSet): string {
  const names = new Map<string, string>()
  operands.forEach(({ view, single }, i) => names.set(operandKey(view), `${single ? "one" : "each"}${i}`))
  steps.forEach(({ outputs }, i) => names.set(operandKey(outputs[0] as View), `step${i}`))
  const text = (view: View): string => {
    const { place, value } = tensors[view.tensor] as Tensor
    return place === "literal" ? f(value as number) : (names.get(operandKey(view)) as string)
  }
  const lines = steps.map(
    ({ op, attributes, inputs }) => `${op}${JSON.stringify(attributes)}(${inputs.map(text).join()})`,
  )
  return [...lines, ...results.map(({ tensor }) => names.get(`${tensor}+0`))].join(";")
}

/**
 * The code for sets of one signature. `operandBuffers` and `resultBuffers` say in which of the kernel's buffers each
 * lies; `writable` which of them are written. The table comes last: rows of the number of vectors, then one offset an
 * operand and result, in vectors, or in elements for single numbers.
 */
export function lateCode(
  tensors: readonly Tensor[],
  { steps, operands, results }: LateSet,
  operandBuffers: readonly number[],
  resultBuffers: readonly number[],
  writable: readonly boolean[],
): string {
  const shader = new Shader(tensors, true)
  const columns = 1 + operands.length + results.length
  const entry = (column: number): string => `table[base + ${u(column)}]`
  writable.forEach((writes, i) =>
    shader.global(
      `@group(0) @binding(${i}) var<storage, ${writes ? "read_write" : "read"}> buffer${i}: array<vec4<f32>>;`,
    ),
  )
  shader.global(`@group(0) @binding(${writable.length}) var<storage, read> table: array<u32>;`)
  const texts = new Map<string, string>()
  const loads = operands.map(({ view, single }, i) => {
    texts.set(operandKey(view), `o${i}`)
    const buffer = `buffer${operandBuffers[i]}`
    return single
      ? `let o${i} = T(${buffer}[${entry(1 + i)} / 4u][${entry(1 + i)} % 4u]);`
      : `let o${i} = ${buffer}[${entry(1 + i)} + n];`
  })
  const reader = (view: View): string => {
    const { place, value } = tensors[view.tensor] as Tensor
    return place === "literal" ? `T(${f(value as number)})` : (texts.get(operandKey(view)) as string)
  }
  const values = new Map<number, string>()
  const lines = evaluate(shader, tensors, { steps, writes: new Set() }, "n", values, reader)
  const stores = results.map(
    ({ tensor }, i) =>
      `buffer${resultBuffers[i]}[${entry(1 + operands.length + i)} + n] = ${values.get(tensor) as string};`,
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

/** Sums of the squares of stretches of many tensors in one buffer, one a workgroup: rows of a number of elements and an offset in vectors. */
export function squaresCode(): string {
  const shader = new Shader([], true)
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
  // What pads a tensor's end is not part of it.
  let known = select(T(0), x, vec4<u32>(4u * n, 4u * n + 1u, 4u * n + 2u, 4u * n + 3u) < U(size));
  sum += dot(known, known);
}
pool[local] = sum;
${tree.join("\n")}
if (local == 0u && inside) { sums[table[3u * row + 2u]] = pool[0]; }`,
  )
}

/** Sums of parts that other kernels left, of many tensors: a table's rows are a number of vectors, of parts, the vectors from one part to the next, and where the parts and the result begin. */
export function sumsCode(): string {
  const shader = new Shader([], true)
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

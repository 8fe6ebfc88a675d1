import { elementCount } from "@vitrine/core/backend"
import type { Step } from "../plan/step.ts"
import { type Axis, matrixAxes, type View } from "../plan/view.ts"
import { directLoop } from "./direct.ts"
import { opsIn, type Pointwise, storing, written } from "./pointwise.ts"
import { elementIndex, type Kernel, lanesOf, Shader, u } from "./shader.ts"
import { productSizes, type Tiling } from "./tiling.ts"

/**
 * `[…, m, k] × […, k, n]`, followed by the steps `after`. A second output receives the sums of the first factor over k.
 * With splits, the parts of the product go to `parts`, `[splits, …, m, n]`, without `after`.
 */
export function matMulKernel(
  step: Step<"matMul">,
  after: Pointwise,
  tiling: Tiling,
  subgroup: number,
  parts?: View,
): Kernel {
  const sizes = productSizes(step)
  const { batch, m, n, k } = sizes
  const { rows, columns, depth, threadRows, threadColumns, splits } = tiling
  const [result, sums] = step.outputs
  const vector = n % 4 === 0 && (parts !== undefined || lanesOf(result).kind === "together")
  const shader = new Shader(vector)
  const [a, b] = step.inputs
  const batches = elementCount(batch)
  const threads = (rows / threadRows) * (columns / threadColumns)
  const perRow = columns / threadColumns
  const nVectors = threadColumns / 4

  const store = parts === undefined ? storing(shader, result, after) : storing(shader, parts, written(parts))

  const accumulators = times(threadRows, (i) => times(nVectors, (j) => `c${i}_${j}`)).flat()
  const direct = depth === 0
  const loop = direct
    ? directLoop(shader, [a, b], sizes, tiling, subgroup >= 4 && perRow % 4 === 0, sums !== undefined)
    : stagedLoop(shader, [a, b], tiling, threads, sums !== undefined)
  const strideK = depth || 4
  const stepK = Math.ceil(k / splits / strideK) * strideK
  const split = splits > 1
  const number = split ? `(part * ${u(batches)} + batch)` : "batch"
  const lines = vector ? 1 : 4
  const column = vector ? "column + 4u * j" : "column + j"
  const at = `(${number} * ${u(m)} + row + i) * ${u(n)} + ${column}`
  const value = vector ? `products[i * ${u(nVectors)} + j]` : `products[i * ${u(nVectors)} + j / 4u][j % 4u]`
  /** The rows that a thread sums, by their indices in the workgroup. */
  const rowsOfThread =
    sums === undefined
      ? []
      : direct
        ? times(threadRows, (i) => `ty * ${u(threadRows)} + ${u(i)}`)
        : sharedRows(rows, threads)
  // The threads of the first columns write the sums.
  const writeSum = ({ tensor }: View, row: string, i: number): string => {
    const inside = direct ? "tx == 0u && " : rows % threads === 0 ? "" : `${row} < ${u(rows)} && `
    const store = shader.store(tensor, false, `${number} * ${u(m)} + m0 + ${row}`, `s${i}`)
    return `if (${inside}m0 + ${row} < ${u(m)}) { ${store} }`
  }
  const writeSums = sums === undefined ? [] : rowsOfThread.map((row, i) => writeSum(sums, row, i))

  const body = `let batch = group.z % ${u(batches)};
let part = group.z / ${u(batches)};
let offsetA = ${batchOffset(a, batch)};
let offsetB = ${batchOffset(b, batch)};
let m0 = group.y * ${u(rows)};
let n0 = group.x * ${u(columns)};
let ty = local / ${u(perRow)};
let tx = local % ${u(perRow)};
let lane = local % 4u;
let row = m0 + ty * ${u(threadRows)};
let column = n0 + tx * ${u(threadColumns)};
${accumulators.map((name) => `var ${name} = vec4<f32>(0);`).join(" ")}
${rowsOfThread.map((_, i) => `var s${i} = 0.0f;`).join(" ")}
let begin = part * ${u(stepK)};
let to = min(begin + ${u(stepK)}, ${u(k)});
for (var k0 = begin; k0 < to; k0 += ${u(strideK)}) {
  ${loop}
}
var products = array<vec4<f32>, ${accumulators.length}>(${accumulators.join(", ")});
for (var i = 0u; i < ${u(threadRows)} && row + i < ${u(m)}; i++) {
  for (var j = 0u; j < ${u(nVectors * lines)} && ${column} < ${u(n)}; j++) { ${store}(${vector ? `(${at}) / 4u` : at}, ${value}); }
}
${sums ? `if (group.x == 0u) { ${writeSums.join(" ")} }` : ""}`
  return {
    label: `matMul [${[...batch, m, k]}] × [${[...batch, k, n]}]${split ? ` in ${splits} parts` : opsIn(after.steps)}`,
    code: shader.text(threads, body),
    bindings: shader.bindings,
    grid: [Math.ceil(n / columns), Math.ceil(m / rows), batches * splits],
  }
}

const times = <R>(count: number, make: (i: number) => R): R[] => Array.from({ length: count }, (_, i) => make(i))

/** The rows of a workgroup's tile that a thread sums, if the threads divide the rows among them. */
const sharedRows = (rows: number, threads: number): string[] =>
  times(Math.ceil(rows / threads), (i) => `local + ${u(i * threads)}`)

/**
 * Statements that load `depth` steps of the inner axis, from `k0` on, into a workgroup's tiles, and add the tiles'
 * product to the accumulators.
 */
function stagedLoop(
  shader: Shader,
  [a, b]: readonly [View, View],
  { rows, columns, depth, threadRows, threadColumns }: Tiling,
  threads: number,
  sums: boolean,
): string {
  const [mVectors, nVectors] = [threadRows / 4, threadColumns / 4]
  const [aAxes, bAxes] = [matrixAxes(a), matrixAxes(b)]
  const left = operand(shader, "a", a, { outer: aAxes.rows, inner: aAxes.columns }, rows, depth, threads)
  const right = operand(shader, "b", b, { outer: bAxes.columns, inner: bAxes.rows }, columns, depth, threads)
  shader.global(`var<workgroup> tileA: array<vec4<f32>, ${(rows * depth) / 4}>;`)
  shader.global(`var<workgroup> tileB: array<vec4<f32>, ${(columns * depth) / 4}>;`)
  const multiply = times(threadRows, (i) =>
    times(nVectors, (j) => `c${i}_${j} = fma(vec4<f32>(a${i >> 2}[${i % 4}]), b${j}, c${i}_${j});`),
  ).flat()
  // The threads of the first columns sum the elements of the tile.
  const summing = sharedRows(rows, threads).map((row, i) => {
    const inside = rows % threads === 0 ? "" : `if (${row} < ${u(rows)}) `
    return `${inside}{ let r = ${row}; for (var k = 0u; k < ${u(depth)}; k++) { s${i} += tileA[k * ${u(rows / 4)} + r / 4u][r % 4u]; } }`
  })
  return `${left}
  ${right}
  workgroupBarrier();
  for (var k = 0u; k < ${u(depth)}; k++) {
    ${times(mVectors, (i) => `let a${i} = tileA[k * ${u(rows / 4)} + ty * ${u(mVectors)} + ${u(i)}];`).join(" ")}
    ${times(nVectors, (j) => `let b${j} = tileB[k * ${u(columns / 4)} + tx * ${u(nVectors)} + ${u(j)}];`).join(" ")}
    ${multiply.join("\n    ")}
  }
  ${sums ? `if (group.x == 0u) { ${summing.join(" ")} }` : ""}
  workgroupBarrier();`
}

/** The offset of a batch's matrix. */
const batchOffset = (view: View, batch: readonly number[]): string =>
  elementIndex({ ...matrixAxes(view).lead, shape: batch }, "batch")

/**
 * Statements that load `depth × width` of a factor into a workgroup's tile. The inner axis varies slowest. Elements
 * after its end are zero. If memory runs along the inner axis, each thread transposes blocks of 4 × 4 in its registers.
 */
function operand(
  shader: Shader,
  name: "a" | "b",
  view: View,
  { outer, inner }: { readonly outer: Axis; readonly inner: Axis },
  width: number,
  depth: number,
  threads: number,
): string {
  const { size } = outer
  const along = inner.stride === 1 && !(outer.stride === 1 && inner.size === 1) ? "inner" : "outer"
  const across = along === "inner" ? outer.stride : inner.stride
  const run = along === "inner" ? inner.size : size
  const offset = name === "a" ? "offsetA" : "offsetB"
  const start = name === "a" ? "m0" : "n0"
  const tile = name === "a" ? "tileA" : "tileB"
  const aligned =
    run % 4 === 0 &&
    across % 4 === 0 &&
    view.offset % 4 === 0 &&
    view.strides.slice(0, -2).every((stride) => stride % 4 === 0)
  // Four neighbours in memory, from `j` on, at index `i` of the other axis.
  const end = along === "inner" ? "to" : u(size)
  const at = `${offset} + i * ${u(across)} + j`
  const load = aligned
    ? shader.four(view.tensor, `(${at}) / 4u`)
    : `vec4<f32>(${[0, 1, 2, 3].map((l) => `select(0.0f, ${shader.element(view.tensor, `${at} + ${u(l)}`)}, j + ${u(l)} < limit)`).join(", ")})`
  const otherEnd = along === "inner" ? u(size) : "limitOther"
  const fn = `load_${name}`
  const parameters = "i: u32, j: u32, limit: u32, limitOther: u32"
  shader.function(
    fn,
    `fn ${fn}(${offset}: u32, ${parameters}) -> vec4<f32> {
  if (i >= ${otherEnd} || j >= limit) { return vec4<f32>(0); }
  return ${load};
}`,
  )
  if (along === "outer") {
    const vectors = width / 4
    return `for (var t = local; t < ${u(vectors * depth)}; t += ${u(threads)}) {
    ${tile}[t] = ${fn}(${offset}, k0 + t / ${u(vectors)}, ${start} + (t % ${u(vectors)}) * 4u, ${end}, to);
  }`
  }
  const blocks = width / 4
  return `for (var t = local; t < ${u((blocks * depth) / 4)}; t += ${u(threads)}) {
    let i = ${start} + (t % ${u(blocks)}) * 4u;
    let kk = (t / ${u(blocks)}) * 4u;
    var r: array<vec4<f32>, 4>;
    for (var j = 0u; j < 4u; j++) { r[j] = ${fn}(${offset}, i + j, k0 + kk, to, 0u); }
    for (var j = 0u; j < 4u; j++) { ${tile}[(kk + j) * ${u(blocks)} + t % ${u(blocks)}] = vec4<f32>(r[0][j], r[1][j], r[2][j], r[3][j]); }
  }`
}

import type { Step } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { sizeOf, type View } from "../plan/view.ts"
import { directLoop } from "./direct.ts"
import { type Pointwise, storing } from "./pointwise.ts"
import { elementIndex, type Kernel, lanesOf, Shader, u } from "./shader.ts"

/**
 * How a product is cut: each workgroup makes rows × columns, each of its threads a block of them. Workgroups hold `depth`
 * of the inner axis at a time in their memory; where that is 0, threads read for themselves: see direct.ts.
 */
export interface Tiling {
  readonly rows: number
  readonly columns: number
  readonly depth: number
  readonly threadRows: number
  readonly threadColumns: number
  /** Parts of the inner axis that are computed by workgroups of their own and added up by another kernel. */
  readonly splits: number
}

export interface Sizes {
  readonly batch: readonly number[]
  readonly m: number
  readonly n: number
  readonly k: number
}

function matMulSizes({ inputs }: Pick<Step<"matMul">, "inputs">): Sizes {
  const [a, b] = inputs as [View, View]
  const [m, k] = a.shape.slice(-2) as [number, number]
  return { batch: a.shape.slice(0, -2), m, k, n: b.shape.at(-1) as number }
}

/** Workgroups that keep a large device busy. */
const enough = 96

/** Equal texts mean products of the same sizes whose factors lie alike in memory. */
export function tilingKey(step: Step<"matMul">): string {
  const [a, b] = step.inputs as [View, View]
  return JSON.stringify({ ...matMulSizes(step), along: [a.strides.at(-1) === 1, b.strides.at(-1) === 1] })
}

const tiles = ({ batch, m, n }: Sizes, rows: number, columns: number): number =>
  sizeOf(batch) * Math.ceil(m / rows) * Math.ceil(n / columns)

/** Into how many parts the inner axis falls, so that there are enough workgroups. */
const splitsOf = (sizes: Sizes, rows: number, columns: number): number =>
  Math.max(1, Math.min(8, Math.floor(enough / tiles(sizes, rows, columns)), Math.floor(sizes.k / 512)))

/** Tilings of which one may be the fastest on some device, for the product of a key; the first is `chooseTiling`'s. */
export function candidates(key: string): Tiling[] {
  const sizes: Sizes = JSON.parse(key)
  const shapes = [
    [16, 64, 4, 4],
    [32, 32, 4, 4],
    [64, 64, 4, 4],
    [64, 64, 8, 8],
    [128, 64, 8, 8],
  ] as const
  const cut = shapes.flatMap(([rows, columns, threadRows, threadColumns]): Tiling[] =>
    [...new Set([1, splitsOf(sizes, rows, columns)])].map((splits) => ({
      rows,
      columns,
      depth: 16,
      threadRows,
      threadColumns,
      splits,
    })),
  )
  cut.push({ rows: 32, columns: 64, depth: 0, threadRows: 4, threadColumns: 8, splits: 1 })
  const own = bySize(sizes)
  const isOther = (tiling: Tiling): boolean =>
    tiling.rows < 2 * sizes.m && tiling.columns < 2 * sizes.n && JSON.stringify(tiling) !== JSON.stringify(own)
  return [own, ...cut.filter(isOther)]
}

/** A tiling by the sizes alone, for a GPU or for an adapter that computes on the CPU. */
export function chooseTiling(step: Step<"matMul">, cpu: boolean = false): Tiling {
  const sizes = matMulSizes(step)
  return cpu ? untiled(sizes) : bySize(sizes)
}

/** Without memory that is shared, and with no more threads than exchange what they load; small ones compile faster. */
function untiled({ m, n }: Sizes): Tiling {
  const small = m * n <= 4096
  const [threadRows, threadColumns] = [small || m <= 4 ? 4 : 8, small || n <= 16 ? 4 : 8]
  return { rows: threadRows, columns: 4 * threadColumns, depth: 0, threadRows, threadColumns, splits: 1 }
}

/** Large tiles where there are enough of them, and the inner axis split where not. */
function bySize(sizes: Sizes): Tiling {
  const { m, n, k } = sizes
  const side = m > 32 && n > 32 && (tiles(sizes, 64, 64) >= enough / 2 || k > 512) ? 64 : 32
  const rows = m <= 16 ? 16 : side
  const columns = m <= 16 ? 64 : side
  const [threadRows, threadColumns] = side === 64 && rows === 64 ? [8, 8] : [4, 4]
  return { rows, columns, depth: 16, threadRows, threadColumns, splits: splitsOf(sizes, rows, columns) }
}

/**
 * `[…, m, k] × […, k, n]` with what follows point by point, in tiles that workgroups hold in their memory. A second
 * output takes the sums over k of the first factor. With splits, the parts go to `[splits, …, m, n]` as they are.
 */
export function matMulKernel(
  tensors: readonly Tensor[],
  step: Step<"matMul">,
  after: Pointwise,
  tiling: Tiling,
  subgroup: number,
  parts?: View,
): Kernel {
  const sizes = matMulSizes(step)
  const { batch, m, n, k } = sizes
  const { rows, columns, depth, threadRows, threadColumns, splits } = tiling
  const [result, sums] = step.outputs as [View, View | null | undefined]
  const vector = n % 4 === 0 && (parts !== undefined || lanesOf(result).kind === "together")
  const shader = new Shader(tensors, vector)
  const [a, b] = step.inputs as [View, View]
  const batches = sizeOf(batch)
  const threads = (rows / threadRows) * (columns / threadColumns)
  const perRow = columns / threadColumns
  const nVectors = threadColumns / 4

  const store =
    parts === undefined
      ? storing(shader, tensors, result, after)
      : storing(shader, tensors, parts, { steps: [], writes: new Set([parts.tensor]) })

  const accumulators = each(threadRows, (i) => each(nVectors, (j) => `c${i}_${j}`)).flat()
  const direct = depth === 0
  const loop = direct
    ? directLoop(shader, [a, b], sizes, tiling, subgroup >= 4 && perRow % 4 === 0, sums !== undefined && sums !== null)
    : stagedLoop(shader, [a, b], sizes, tiling, threads, sums !== undefined && sums !== null)
  const strideK = depth || 4
  const stepK = Math.ceil(k / splits / strideK) * strideK
  const split = splits > 1
  const number = split ? `(part * ${u(batches)} + batch)` : "batch"
  const lines = vector ? 1 : 4
  const column = vector ? "column + 4u * j" : "column + j"
  const at = `(${number} * ${u(m)} + row + i) * ${u(n)} + ${column}`
  const value = vector ? `made[i * ${u(nVectors)} + j]` : `made[i * ${u(nVectors)} + j / 4u][j % 4u]`
  // Which rows' sums a thread has, in number and in the workgroup; those of the first columns are written.
  const summed = !sums
    ? []
    : direct
      ? each(threadRows, (i) => `ty * ${u(threadRows)} + ${u(i)}`)
      : ownRows(rows, threads)
  const writeSums = summed.map((own, i) => {
    const inside = direct ? "tx == 0u && " : rows % threads === 0 ? "" : `${own} < ${u(rows)} && `
    const store = shader.store((sums as View).tensor, false, `${number} * ${u(m)} + m0 + ${own}`, `s${i}`)
    return `if (${inside}m0 + ${own} < ${u(m)}) { ${store} }`
  })

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
${summed.map((_, i) => `var s${i} = 0.0f;`).join(" ")}
let begin = part * ${u(stepK)};
let to = min(begin + ${u(stepK)}, ${u(k)});
for (var k0 = begin; k0 < to; k0 += ${u(strideK)}) {
  ${loop}
}
var made = array<vec4<f32>, ${accumulators.length}>(${accumulators.join(", ")});
for (var i = 0u; i < ${u(threadRows)} && row + i < ${u(m)}; i++) {
  for (var j = 0u; j < ${u(nVectors * lines)} && ${column} < ${u(n)}; j++) { ${store}(${vector ? `(${at}) / 4u` : at}, ${value}); }
}
${sums ? `if (group.x == 0u) { ${writeSums.join(" ")} }` : ""}`
  const then = after.steps.map(({ op }) => ` ${op}`).join("")
  return {
    label: `matMul [${[...batch, m, k]}] × [${[...batch, k, n]}]${split ? ` in ${splits} parts` : then}`,
    code: shader.text(threads, body),
    bindings: shader.bindings,
    grid: [Math.ceil(n / columns), Math.ceil(m / rows), batches * splits],
  }
}

const each = <R>(count: number, make: (i: number) => R): R[] => Array.from({ length: count }, (_, i) => make(i))

/** The rows of a workgroup's tile that a thread adds up, where those are shared out one by one. */
const ownRows = (rows: number, threads: number): string[] =>
  each(Math.ceil(rows / threads), (i) => `local + ${u(i * threads)}`)

/** Statements that fill a workgroup's tiles with `depth` steps of the inner axis from `k0` on, and add their product to the accumulators. */
function stagedLoop(
  shader: Shader,
  [a, b]: readonly [View, View],
  { m, n, k }: Sizes,
  { rows, columns, depth, threadRows, threadColumns }: Tiling,
  threads: number,
  sums: boolean,
): string {
  const [mVectors, nVectors] = [threadRows / 4, threadColumns / 4]
  const left = operand(shader, "a", a, { outer: -2, inner: -1 }, { size: m, depth: k }, rows, depth, threads)
  const right = operand(shader, "b", b, { outer: -1, inner: -2 }, { size: n, depth: k }, columns, depth, threads)
  shader.global(`var<workgroup> tileA: array<vec4<f32>, ${(rows * depth) / 4}>;`)
  shader.global(`var<workgroup> tileB: array<vec4<f32>, ${(columns * depth) / 4}>;`)
  const multiply = each(threadRows, (i) =>
    each(nVectors, (j) => `c${i}_${j} = fma(vec4<f32>(a${i >> 2}[${i % 4}]), b${j}, c${i}_${j});`),
  ).flat()
  // The threads that hold the first columns add up what they have in memory anyway.
  const summing = ownRows(rows, threads).map((own, i) => {
    const inside = rows % threads === 0 ? "" : `if (${own} < ${u(rows)}) `
    return `${inside}{ let r = ${own}; for (var k = 0u; k < ${u(depth)}; k++) { s${i} += tileA[k * ${u(rows / 4)} + r / 4u][r % 4u]; } }`
  })
  return `${left}
  ${right}
  workgroupBarrier();
  for (var k = 0u; k < ${u(depth)}; k++) {
    ${each(mVectors, (i) => `let a${i} = tileA[k * ${u(rows / 4)} + ty * ${u(mVectors)} + ${u(i)}];`).join(" ")}
    ${each(nVectors, (j) => `let b${j} = tileB[k * ${u(columns / 4)} + tx * ${u(nVectors)} + ${u(j)}];`).join(" ")}
    ${multiply.join("\n    ")}
  }
  ${sums ? `if (group.x == 0u) { ${summing.join(" ")} }` : ""}
  workgroupBarrier();`
}

/** Where the matrices of a batch begin. */
function batchOffset(view: View, batch: readonly number[]): string {
  return elementIndex({ shape: batch, strides: view.strides.slice(0, -2), offset: view.offset }, "batch")
}

/**
 * Loads `depth × width` of a factor into a workgroup's tile, the inner axis slowest, and zeros where it ends. Where
 * memory runs along the inner axis, each thread turns blocks of 4 × 4 round in its registers.
 */
function operand(
  shader: Shader,
  name: "a" | "b",
  view: View,
  axes: { readonly outer: number; readonly inner: number },
  { size, depth: all }: { readonly size: number; readonly depth: number },
  width: number,
  depth: number,
  threads: number,
): string {
  const outerStep = view.strides.at(axes.outer) as number
  const innerStep = view.strides.at(axes.inner) as number
  const along = innerStep === 1 && !(outerStep === 1 && all === 1) ? "inner" : "outer"
  const across = along === "inner" ? outerStep : innerStep
  const run = along === "inner" ? all : size
  const offset = name === "a" ? "offsetA" : "offsetB"
  const start = name === "a" ? "m0" : "n0"
  const tile = name === "a" ? "tileA" : "tileB"
  const aligned =
    run % 4 === 0 &&
    across % 4 === 0 &&
    view.offset % 4 === 0 &&
    view.strides.slice(0, -2).every((step) => step % 4 === 0)
  // Four elements along memory: number `i` of the other axis, from `j` on.
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

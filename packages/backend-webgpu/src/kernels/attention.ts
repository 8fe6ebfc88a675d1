import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Step } from "../plan/step.ts"
import { matrixAxes, type View } from "../plan/view.ts"
import { shuffled } from "./lanes.ts"
import { lowest } from "./reduce.ts"
import { elementIndex, f, fold, type Kernel, Shader, u } from "./shader.ts"
import type { Target } from "./target.ts"

// Attention that does not store the matrix of scores (Dao et al., "FlashAttention", 2022). A workgroup has 64 threads.
// Each thread keeps a row of queries (or keys), or a share of a row, in registers. The workgroup loads the rows of the
// other side tile by tile into its memory. The backward pass computes the weights again from logSumExp.

const threads = 64

/** The widths of the rows of queries and keys, and of the rows of values. */
type Widths = readonly [features: number, values: number]

/** The division of the work among threads. */
interface Sharing {
  readonly shader: Shader
  /** The sizes of the axes before rows and features. */
  readonly lead: readonly number[]
  /** The number of threads that share a row. Each keeps a part of its features. */
  readonly lanes: number
  /** Whether these threads are in one subgroup. */
  readonly near: boolean
  /** The number of rows of the other side in a tile. */
  readonly tile: number
  /** The number of `T` in a row. */
  readonly width: Widths
  /** The number of `T` of a row that one thread keeps. */
  readonly part: Widths
}

/** The greatest number of floats that a thread may keep in registers. */
const registers = 160

/**
 * @param rowFloats the number of floats that all threads of a row keep together
 * @param exchanged the number of sums that the threads of a row exchange for each row of a tile
 */
function sharingOf(
  views: readonly [View, ...View[]],
  [d, dv]: Widths,
  rowFloats: number,
  exchanged: number,
  { workgroupMemory, subgroup }: Target,
): Sharing {
  const aligned = ({ strides, offset, shape }: View): boolean =>
    offset % 4 === 0 && strides.slice(0, -1).every((stride, i) => stride % 4 === 0 || shape[i] === 1)
  const vector = d % 4 === 0 && dv % 4 === 0 && views.every(aligned)
  const shader = new Shader(vector)
  const [w, wv] = vector ? [d / 4, dv / 4] : [d, dv]
  let lanes = 1
  while (rowFloats / lanes > registers && lanes < 8 && w % (2 * lanes) === 0 && wv % (2 * lanes) === 0) lanes *= 2
  const near = lanes <= subgroup
  const bytes = (tile: number): number => 4 * tile * (d + dv + 2 + (lanes > 1 && !near ? threads * exchanged : 0))
  let tile = 16
  while (tile > 1 && bytes(tile) > workgroupMemory) tile /= 2
  const lead = views[0].shape.slice(0, -2)
  return { shader, lead, lanes, near, tile, part: [w / lanes, wv / lanes], width: [w, wv] }
}

/** The index of the first element of row `row` of matrix `head` of a view. */
function rowStart(view: View, row: string): string {
  const { lead, rows } = matrixAxes(view)
  return `${elementIndex(lead, "head")} + ${row} * ${u(rows.stride)}`
}

/** The `T` with index `c` in a row. */
function at(shader: Shader, view: View, row: string, c: string): string {
  const begin = rowStart(view, row)
  return shader.vector
    ? shader.four(view.tensor, `(${begin}) / 4u + ${c}`)
    : shader.element(view.tensor, `${begin} + ${c}`)
}

/** A statement that writes the `T` with index `c` in a row. */
function put(shader: Shader, view: View, row: string, c: string, value: string): string {
  const begin = rowStart(view, row)
  return shader.store(view.tensor, shader.vector, `${shader.vector ? `(${begin}) / 4u` : begin} + ${c}`, value)
}

/** Statements that fill a tile with the rows of a view from `begin` on. Rows after the view's last are zero. */
function fill({ shader, tile }: Sharing, name: string, view: View, width: number): string {
  const rows = dimAt(view.shape, -2)
  shader.global(`var<workgroup> ${name}: array<T, ${tile * width}>;`)
  return `for (var t = local; t < ${u(tile * width)}; t += ${u(threads)}) {
    let r = begin + t / ${u(width)};
    var x = T(0);
    if (r < ${u(rows)}) { x = ${at(shader, view, "r", `t % ${u(width)}`)}; }
    ${name}[t] = x;
  }`
}

/** Statements that sum arrays over the threads that share a row. An array has one number for each row of the tile. */
function exchange({ shader, lanes, near, tile }: Sharing, names: readonly string[]): string {
  if (lanes === 1) return ""
  if (near) {
    const sums = names.map((name) => `var v = ${name}[j]; ${shuffled(shader, "v", lanes, plus)} ${name}[j] = v;`)
    return sums.map((sum) => repeat(tile, sum, "j")).join(" ")
  }
  for (const name of names) shader.global(`var<workgroup> ${name}Parts: array<f32, ${tile * threads}>;`)
  const sums = (name: string): string =>
    Array.from({ length: lanes }, (_, i) => `${name}Parts[j * ${u(threads)} + slot * ${u(lanes)} + ${u(i)}]`).join(
      " + ",
    )
  return `for (var j = 0u; j < ${u(tile)}; j++) { ${names.map((name) => `${name}Parts[j * ${u(threads)} + local] = ${name}[j];`).join(" ")} }
  workgroupBarrier();
  for (var j = 0u; j < ${u(tile)}; j++) { ${names.map((name) => `${name}[j] = ${sums(name)};`).join(" ")} }`
}

/** Adds a function that sums the elements of one `T`, and returns its name. */
function total(shader: Shader): string {
  return shader.function(
    "total",
    `fn total(x: T) -> f32 { return ${shader.vector ? "(x.x + x.y) + (x.z + x.w)" : "x"}; }`,
  )
}

/** A kernel with `rows` rows for each matrix. `body` may use `head`, `row`, `inside`, `slot` and `lane`. */
function kernel(label: string, { shader, lead, lanes }: Sharing, rows: number, body: string): Kernel {
  const perGroup = threads / lanes
  const [y, z] = fold(elementCount(lead))
  const code = shader.text(
    threads,
    `let head = min(group.z * groups.y + group.y, ${u(elementCount(lead) - 1)});
let slot = local / ${u(lanes)};
let lane = local % ${u(lanes)};
let unclamped = group.x * ${u(perGroup)} + slot;
let inside = unclamped < ${u(rows)};
let row = min(unclamped, ${u(rows - 1)});
${body}`,
  )
  return { label, code, bindings: shader.bindings, grid: [Math.ceil(rows / perGroup), y, z] }
}

const plus = (a: string, b: string): string => `${a} + ${b}`

const repeat = (count: number, body: string, name: string = "i"): string =>
  `for (var ${name} = 0u; ${name} < ${u(count)}; ${name}++) { ${body} }`

/**
 * Statements for each element of an array, written out. Arrays that are indexed only by constants stay in registers.
 */
const unrolled = (count: number, body: (i: string) => string): string =>
  Array.from({ length: count }, (_, i) => body(u(i))).join(" ")

/** softmax(scale · q kᵀ) v and logSumExp. It keeps the maximum of the scores so far. */
export function attentionKernel(step: Step<"attention">, target: Target): Kernel {
  const [q, k, v] = step.inputs
  const [context, logSumExp] = step.outputs
  const [queries, keys] = [dimAt(q.shape, -2), dimAt(k.shape, -2)]
  const [d, dv] = [dimAt(q.shape, -1), dimAt(v.shape, -1)]
  const sharing = sharingOf(context ? [q, k, v, context] : [q, k, v], [d, dv], d + dv, 1, target)
  const { shader, tile, part, width } = sharing
  const sum = total(shader)
  /** The index in the row of a thread's `T` with index `i`. */
  const share = (which: 0 | 1, i: string): string => `lane * ${u(part[which])} + ${i}`
  const writes = context ? unrolled(part[1], (i) => put(shader, context, "row", share(1, i), `acc[${i}] * scale`)) : ""
  const body = `var q: array<T, ${part[0]}>;
var acc: array<T, ${part[1]}>;
${unrolled(part[0], (i) => `q[${i}] = ${at(shader, q, "row", share(0, i))} * ${f(step.attributes.scale)};`)}
${unrolled(part[1], (i) => `acc[${i}] = T(0);`)}
var top = ${lowest};
var sum = 0.0f;
for (var begin = 0u; begin < ${u(keys)}; begin += ${u(tile)}) {
  ${fill(sharing, "kTile", k, width[0])}
  ${fill(sharing, "vTile", v, width[1])}
  workgroupBarrier();
  var s: array<f32, ${tile}>;
  ${repeat(tile, `var dot = T(0); ${unrolled(part[0], (i) => `dot = fma(q[${i}], kTile[j * ${u(width[0])} + ${share(0, i)}], dot);`)} s[j] = ${sum}(dot);`, "j")}
  ${exchange(sharing, ["s"])}
  var next = top;
  ${repeat(tile, `if (begin + j < ${u(keys)}) { next = max(next, s[j]); }`, "j")}
  let shrink = exp(top - next);
  top = next;
  sum *= shrink;
  ${unrolled(part[1], (i) => `acc[${i}] *= shrink;`)}
  ${repeat(tile, `if (begin + j < ${u(keys)}) { let p = exp(s[j] - top); sum += p; ${unrolled(part[1], (i) => `acc[${i}] = fma(T(p), vTile[j * ${u(width[1])} + ${share(1, i)}], acc[${i}]);`)} }`, "j")}
  workgroupBarrier();
}
if (inside) {
  let scale = 1.0 / sum;
  ${writes}
  ${logSumExp ? `if (lane == 0u) { ${shader.store(logSumExp.tensor, false, `head * ${u(queries)} + row`, "top + log(sum)")} }` : ""}
}`
  return kernel(`attention [${q.shape}] over ${keys} keys`, sharing, queries, body)
}

/** dq = scale · (p (dcontext vᵀ − δ)) k, and for each query δ = Σ dcontext · context. */
export function attentionGradQueryKernel(step: Step<"attentionGradQuery">, target: Target): Kernel {
  const [dc, q, k, v, context, logSumExp] = step.inputs
  const [dq, delta] = step.outputs
  const [queries, keys] = [dimAt(q.shape, -2), dimAt(k.shape, -2)]
  const [d, dv] = [dimAt(q.shape, -1), dimAt(v.shape, -1)]
  const views: [View, ...View[]] = [q, k, v, dc, context, ...(dq ? [dq] : [])]
  const sharing = sharingOf(views, [d, dv], 2 * d + dv, 2, target)
  const { shader, tile, part, width, lanes, near } = sharing
  const sum = total(shader)
  const scale = f(step.attributes.scale)
  const share = (which: 0 | 1): string => `lane * ${u(part[which])} + i`
  if (lanes > 1 && !near) shader.global(`var<workgroup> deltas: array<f32, ${threads}>;`)
  const together = near
    ? `var delta = ${sum}(product); ${shuffled(shader, "delta", lanes, plus)}`
    : lanes === 1
      ? `let delta = ${sum}(product);`
      : `deltas[local] = ${sum}(product); workgroupBarrier(); let delta = ${Array.from({ length: lanes }, (_, i) => `deltas[slot * ${u(lanes)} + ${u(i)}]`).join(" + ")};`
  const body = `var q: array<T, ${part[0]}>;
var g: array<T, ${part[1]}>;
var acc: array<T, ${part[0]}>;
var product = T(0);
${repeat(part[0], `q[i] = ${at(shader, q, "row", share(0))} * ${scale}; acc[i] = T(0);`)}
${repeat(part[1], `g[i] = ${at(shader, dc, "row", share(1))}; product = fma(g[i], ${at(shader, context, "row", share(1))}, product);`)}
${together}
let normalizer = ${shader.element(logSumExp.tensor, rowStart(logSumExp, "row"))};
for (var begin = 0u; begin < ${u(keys)}; begin += ${u(tile)}) {
  ${fill(sharing, "kTile", k, width[0])}
  ${fill(sharing, "vTile", v, width[1])}
  workgroupBarrier();
  var s: array<f32, ${tile}>;
  var e: array<f32, ${tile}>;
  ${repeat(
    tile,
    `var x = T(0); var y = T(0);
    ${repeat(part[0], `x = fma(q[i], kTile[j * ${u(width[0])} + ${share(0)}], x);`)}
    ${repeat(part[1], `y = fma(g[i], vTile[j * ${u(width[1])} + ${share(1)}], y);`)}
    s[j] = ${sum}(x); e[j] = ${sum}(y);`,
    "j",
  )}
  ${exchange(sharing, ["s", "e"])}
  ${repeat(
    tile,
    `if (begin + j < ${u(keys)}) {
      let ds = exp(s[j] - normalizer) * (e[j] - delta);
      ${repeat(part[0], `acc[i] = fma(T(ds), kTile[j * ${u(width[0])} + ${share(0)}], acc[i]);`)}
    }`,
    "j",
  )}
  workgroupBarrier();
}
if (inside) {
  ${dq ? repeat(part[0], put(shader, dq, "row", share(0), `acc[i] * ${scale}`)) : ""}
  ${delta ? `if (lane == 0u) { ${shader.store(delta.tensor, false, `head * ${u(queries)} + row`, "delta")} }` : ""}
}`
  return kernel(`attentionGrad of queries [${q.shape}] over ${keys} keys`, sharing, queries, body)
}

/** dk = scale · (p (dcontext vᵀ − δ))ᵀ q and dv = pᵀ dcontext. */
export function attentionGradKeyKernel(step: Step<"attentionGradKey">, target: Target): Kernel {
  const [dc, q, k, v, logSumExp, delta] = step.inputs
  const [dk, dv] = step.outputs
  const [queries, keys] = [dimAt(q.shape, -2), dimAt(k.shape, -2)]
  const [d, w] = [dimAt(q.shape, -1), dimAt(v.shape, -1)]
  const views: [View, ...View[]] = [q, k, v, dc, ...(dk ? [dk] : []), ...(dv ? [dv] : [])]
  const sharing = sharingOf(views, [d, w], 2 * d + 2 * w, 2, target)
  const { shader, tile, part, width } = sharing
  const sum = total(shader)
  const scale = f(step.attributes.scale)
  const share = (which: 0 | 1): string => `lane * ${u(part[which])} + i`
  shader.global(`var<workgroup> statistics: array<vec2<f32>, ${tile}>;`)
  const element = (view: View): string => shader.element(view.tensor, rowStart(view, "(begin + local)"))
  const body = `var k: array<T, ${part[0]}>;
var v: array<T, ${part[1]}>;
var dk: array<T, ${part[0]}>;
var dv: array<T, ${part[1]}>;
${repeat(part[0], `k[i] = ${at(shader, k, "row", share(0))} * ${scale}; dk[i] = T(0);`)}
${repeat(part[1], `v[i] = ${at(shader, v, "row", share(1))}; dv[i] = T(0);`)}
for (var begin = 0u; begin < ${u(queries)}; begin += ${u(tile)}) {
  ${fill(sharing, "qTile", q, width[0])}
  ${fill(sharing, "gTile", dc, width[1])}
  if (local < ${u(tile)} && begin + local < ${u(queries)}) { statistics[local] = vec2<f32>(${element(logSumExp)}, ${element(delta)}); }
  workgroupBarrier();
  var s: array<f32, ${tile}>;
  var e: array<f32, ${tile}>;
  ${repeat(
    tile,
    `var x = T(0); var y = T(0);
    ${repeat(part[0], `x = fma(k[i], qTile[j * ${u(width[0])} + ${share(0)}], x);`)}
    ${repeat(part[1], `y = fma(v[i], gTile[j * ${u(width[1])} + ${share(1)}], y);`)}
    s[j] = ${sum}(x); e[j] = ${sum}(y);`,
    "j",
  )}
  ${exchange(sharing, ["s", "e"])}
  ${repeat(
    tile,
    `if (begin + j < ${u(queries)}) {
      let p = exp(s[j] - statistics[j].x);
      let ds = p * (e[j] - statistics[j].y);
      ${repeat(part[0], `dk[i] = fma(T(ds), qTile[j * ${u(width[0])} + ${share(0)}], dk[i]);`)}
      ${repeat(part[1], `dv[i] = fma(T(p), gTile[j * ${u(width[1])} + ${share(1)}], dv[i]);`)}
    }`,
    "j",
  )}
  workgroupBarrier();
}
if (inside) {
  ${dk ? repeat(part[0], put(shader, dk, "row", share(0), `dk[i] * ${scale}`)) : ""}
  ${dv ? repeat(part[1], put(shader, dv, "row", share(1), "dv[i]")) : ""}
}`
  return kernel(`attentionGrad of keys [${k.shape}] over ${queries} queries`, sharing, keys, body)
}

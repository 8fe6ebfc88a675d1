import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Step } from "../plan/step.ts"
import type { View } from "../plan/view.ts"
import { laneReduction } from "./lanes.ts"
import { opsIn, type Pointwise, storing } from "./pointwise.ts"
import { lowest } from "./reduce.ts"
import { elementIndex, f, flat, fold, type Kernel, Shader, u } from "./shader.ts"

// Kernels that process a tensor row by row. Several threads share a row, and 64 threads are a workgroup.

interface Rows {
  readonly shader: Shader
  /** The number of rows, and the number of `T` in a row. */
  readonly rows: number
  readonly width: number
  /** The number of threads that share a row. */
  readonly lanes: number
  readonly subgroup: number
  /** The text of the `T` with index `c` in this thread's row of a view. */
  readonly at: (view: View, c: string) => string
}

/** The rows of the first view. Each other view has as many rows, or one that repeats. */
function rowsOf(views: readonly [View, ...View[]], subgroup: number, scalar: boolean = false): Rows {
  const [{ shape }] = views
  const size = dimAt(shape, -1)
  const aligned = ({ strides, offset }: View): boolean =>
    offset % 4 === 0 && strides.slice(0, -1).every((stride, i) => stride % 4 === 0 || shape[i] === 1)
  const vector = !scalar && size % 4 === 0 && views.every(aligned)
  const shader = new Shader(vector)
  const width = vector ? size / 4 : size
  const lanes = Math.min(64, Math.max(4, 2 ** Math.ceil(Math.log2(width / 4))))
  const at = (view: View, c: string): string => {
    const { tensor } = view
    if (tensor.place === "literal") return `T(${f(tensor.value)})`
    const lead = { shape: view.shape.slice(0, -1), strides: view.strides.slice(0, -1), offset: view.offset }
    const begin = elementIndex(lead, "row")
    const last = view.shape.at(-1) === 1 ? "0u" : c
    return vector ? shader.four(tensor, `${begin} / 4u + ${last}`) : shader.element(tensor, `${begin} + ${last}`)
  }
  return { shader, rows: elementCount(shape.slice(0, -1)), width, lanes, subgroup, at }
}

/** Adds functions `sumOf` and `maxOf`, which reduce over the threads of a row. All threads must call them. */
function reductions({ shader, lanes, subgroup }: Rows, ops: readonly ("sum" | "max")[]): void {
  /** Reduces the elements of one `T`. */
  const within = {
    sum: shader.vector ? "(x.x + x.y) + (x.z + x.w)" : "x",
    max: shader.vector ? "max(max(x.x, x.y), max(x.z, x.w))" : "x",
  }
  for (const op of ops) {
    const all = laneReduction(
      shader,
      `${op}All`,
      lanes,
      op === "sum" ? (p, q) => `${p} + ${q}` : (p, q) => `max(${p}, ${q})`,
      subgroup,
    )
    shader.function(`${op}Of`, `fn ${op}Of(x: T, local: u32) -> f32 { return ${all}(${within[op]}, local); }`)
  }
}

function rowKernel(label: string, { shader, rows, lanes }: Rows, body: string): Kernel {
  const perGroup = 64 / lanes
  const code = shader.text(
    64,
    `let lane = local % ${u(lanes)};
let unclamped = ${flat} * ${u(perGroup)} + local / ${u(lanes)};
let row = min(unclamped, ${u(rows - 1)});
let inside = unclamped < ${u(rows)};
${body}`,
  )
  return { label, code, bindings: shader.bindings, grid: fold(Math.ceil(rows / perGroup)) }
}

const loop = ({ width, lanes }: Rows, body: string): string =>
  `for (var c = lane; c < ${u(width)}; c += ${u(lanes)}) { ${body} }`

const labelOf = (op: string, { shape }: View, after: Pointwise): string => `${op} [${shape}]${opsIn(after.steps)}`

/** exp(x − max) / Σ over the last axis. */
export function softmaxKernel(step: Step<"softmax">, after: Pointwise, subgroup: number): Kernel {
  const [x] = step.inputs
  const r = rowsOf([x], subgroup)
  reductions(r, ["sum", "max"])
  const store = storing(r.shader, step.outputs[0], after)
  const value = r.at(x, "c")
  return rowKernel(
    labelOf("softmax", x, after),
    r,
    `var m = T(${lowest});
${loop(r, `m = max(m, ${value});`)}
let top = maxOf(m, local);
var s = T(0);
${loop(r, `s += exp(${value} - top);`)}
let scale = 1.0 / sumOf(s, local);
if (inside) { ${loop(r, `${store}(row * ${u(r.width)} + c, exp(${value} - top) * scale);`)} }`,
  )
}

/** y (dy − Σ dy y) over the last axis. */
export function softmaxGradKernel(step: Step<"softmaxGrad">, after: Pointwise, subgroup: number): Kernel {
  const [dy, y] = step.inputs
  const r = rowsOf([dy, y], subgroup)
  reductions(r, ["sum"])
  const store = storing(r.shader, step.outputs[0], after)
  const [d, v] = [r.at(dy, "c"), r.at(y, "c")]
  return rowKernel(
    labelOf("softmaxGrad", dy, after),
    r,
    `var s = T(0);
${loop(r, `s = fma(${d}, ${v}, s);`)}
let total = sumOf(s, local);
if (inside) { ${loop(r, `${store}(row * ${u(r.width)} + c, ${v} * (${d} - total));`)} }`,
  )
}

/** −Σ targets · log softmax(logits) for each row. */
export function crossEntropyKernel(step: Step<"softmaxCrossEntropy">, after: Pointwise, subgroup: number): Kernel {
  const [logits, targets] = step.inputs
  const r = rowsOf([logits, targets], subgroup, true)
  reductions(r, ["sum", "max"])
  const store = storing(r.shader, step.outputs[0], after)
  const [z, t] = [r.at(logits, "c"), r.at(targets, "c")]
  return rowKernel(
    labelOf("softmaxCrossEntropy", logits, after),
    r,
    `var m = ${lowest};
${loop(r, `m = max(m, ${z});`)}
let top = maxOf(m, local);
var s = 0.0f;
${loop(r, `s += exp(${z} - top);`)}
let normalizer = log(sumOf(s, local));
var loss = 0.0f;
${loop(r, `loss += ${t} * (normalizer - (${z} - top));`)}
let total = sumOf(loss, local);
if (inside && lane == 0u) { ${store}(row, total); }`,
  )
}

/** (x − mean) · rstd · weight + bias over the last axis. The variance is computed from x − mean. */
export function layerNormKernel(step: Step<"layerNorm">, after: Pointwise, subgroup: number): Kernel {
  const [x, weight, bias] = step.inputs
  const [y, mean, rstd] = step.outputs
  const r = rowsOf([x, spread(weight, x), spread(bias, x)], subgroup)
  reductions(r, ["sum"])
  const store = y ? storing(r.shader, y, after) : ""
  const value = r.at(x, "c")
  const size = dimAt(x.shape, -1)
  const statistic = (view: View | null, name: string): string[] =>
    view ? [r.shader.store(view.tensor, false, "row", name)] : []
  const writes = [...statistic(mean, "mean"), ...statistic(rstd, "rstd")]
  const [w, b] = [r.at(spread(weight, x), "c"), r.at(spread(bias, x), "c")]
  return rowKernel(
    labelOf("layerNorm", x, after),
    r,
    `var s = T(0);
${loop(r, `s += ${value};`)}
let mean = sumOf(s, local) / ${f(size)};
var q = T(0);
${loop(r, `let d = ${value} - mean; q = fma(d, d, q);`)}
let rstd = inverseSqrt(sumOf(q, local) / ${f(size)} + ${f(step.attributes.epsilon)});
if (inside) {
  ${y ? loop(r, `${store}(row * ${u(r.width)} + c, fma((${value} - mean) * rstd, ${w}, ${b}));`) : ""}
  ${writes.length > 0 ? `if (lane == 0u) { ${writes.join(" ")} }` : ""}
}`,
  )
}

/** Repeats a vector for each row. */
function spread(vector: View, { shape }: View): View {
  return { ...vector, shape, strides: [...new Array<number>(shape.length - 1).fill(0), dimAt(vector.strides, 0)] }
}

/** rstd (dy w − mean(dy w) − x̂ mean(dy w x̂)), where x̂ = (x − mean) rstd. */
export function layerNormGradKernel(step: Step<"layerNormGrad">, after: Pointwise, subgroup: number): Kernel {
  const [dy, x, weight, mean, rstd] = step.inputs
  const r = rowsOf([dy, x, spread(weight, x)], subgroup)
  reductions(r, ["sum"])
  const store = storing(r.shader, step.outputs[0], after)
  const size = dimAt(x.shape, -1)
  const d = `${r.at(dy, "c")} * ${r.at(spread(weight, x), "c")}`
  const normalized = `(${r.at(x, "c")} - mean) * rstd`
  return rowKernel(
    labelOf("layerNormGrad", x, after),
    r,
    `let mean = ${r.shader.element(mean.tensor, elementIndex(mean, "row"))};
let rstd = ${r.shader.element(rstd.tensor, elementIndex(rstd, "row"))};
var s = T(0);
var q = T(0);
${loop(r, `let d = ${d}; s += d; q = fma(d, ${normalized}, q);`)}
let first = sumOf(s, local) / ${f(size)};
let second = sumOf(q, local) / ${f(size)};
if (inside) { ${loop(r, `${store}(row * ${u(r.width)} + c, rstd * (${d} - first - ${normalized} * second));`)} }`,
  )
}

/** The number of parts into which the rows are divided for sums over columns. */
export function columnParts(rows: number, width: number): number {
  return Math.max(1, Math.min(64, Math.floor(rows / 32), Math.ceil(2048 / width)))
}

/**
 * Σ dy x̂ and Σ dy over the rows, in `count` parts. If there are several parts, another kernel sums them. A workgroup
 * handles 16 neighbouring columns (of `T`), 8 rows at a time.
 */
export function layerNormGradWeightKernel(
  step: Step<"layerNormGradWeight">,
  [dweight, dbias]: readonly [dweight: View | null, dbias: View | null],
  count: number,
): Kernel {
  const [dy, x, mean, rstd] = step.inputs
  const r = rowsOf([dy, x], 0)
  const { shader, rows, width } = r
  const chunk = Math.ceil(rows / count)
  const element = (view: View): string => shader.element(view.tensor, elementIndex(view, "row"))
  const addGain = `gain = fma(d, (${r.at(x, "column")} - ${element(mean)}) * ${element(rstd)}, gain);`
  const sums = [
    { view: dweight, name: "gain", add: addGain },
    { view: dbias, name: "shift", add: "shift += d;" },
  ].flatMap(({ view, name, add }) => (view === null ? [] : [{ view, name, add }]))
  for (const { name } of sums) shader.global(`var<workgroup> ${name}s: array<T, 128>;`)
  const tree = [4, 2, 1].map(
    (half) =>
      `workgroupBarrier(); if (lane < ${u(half)}) { ${sums.map(({ name }) => `${name}s[local] += ${name}s[local + ${u(half * 16)}];`).join(" ")} }`,
  )
  const code = shader.text(
    128,
    `let lane = local / 16u;
let column = group.x * 16u + local % 16u;
let inside = column < ${u(width)};
let to = min((group.y + 1u) * ${u(chunk)}, ${u(rows)});
${sums.map(({ name }) => `var ${name} = T(0);`).join(" ")}
if (inside) {
  for (var row = group.y * ${u(chunk)} + lane; row < to; row += 8u) {
    let d = ${r.at(dy, "column")};
    ${sums.map(({ add }) => add).join(" ")}
  }
}
${sums.map(({ name }) => `${name}s[local] = ${name};`).join(" ")}
${tree.join("\n")}
if (lane == 0u && inside) {
  ${sums.map(({ view, name }) => shader.store(view.tensor, shader.vector, `group.y * ${u(width)} + column`, `${name}s[local]`)).join(" ")}
}`,
  )
  return {
    label: `layerNormGradWeight [${x.shape}]${count > 1 ? ` in ${count} parts` : ""}`,
    code,
    bindings: shader.bindings,
    grid: [Math.ceil(width / 16), count, 1],
  }
}

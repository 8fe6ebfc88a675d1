import type { Step } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { sizeOf, type View } from "../plan/view.ts"
import { laneReduction } from "./lanes.ts"
import { type Pointwise, storing } from "./pointwise.ts"
import { lowest } from "./reduce.ts"
import { elementIndex, f, flat, fold, type Kernel, Shader, u } from "./shader.ts"

// Kernels that take a tensor row by row: several threads share a row, and 64 make a workgroup.

type Tensors = readonly Tensor[]

interface Rows {
  readonly shader: Shader
  /** Number of rows, and of `T` in each. */
  readonly rows: number
  readonly width: number
  readonly lanes: number
  readonly subgroup: number
  /** The text of `T` number `c` of this thread's row of a view. */
  readonly at: (view: View, c: string) => string
}

function rowsOf(tensors: Tensors, views: readonly View[], subgroup: number, scalar: boolean = false): Rows {
  const { shape } = views[0] as View
  const size = shape.at(-1) as number
  const aligned = ({ strides, offset }: View): boolean =>
    offset % 4 === 0 && strides.slice(0, -1).every((step, i) => step % 4 === 0 || shape[i] === 1)
  const vector = !scalar && size % 4 === 0 && views.every(aligned)
  const shader = new Shader(tensors, vector)
  const width = vector ? size / 4 : size
  const lanes = Math.min(64, Math.max(4, 2 ** Math.ceil(Math.log2(width / 4))))
  const at = (view: View, c: string): string => {
    const { place, value } = tensors[view.tensor] as Tensor
    if (place === "literal") return `T(${f(value as number)})`
    const lead = { shape: view.shape.slice(0, -1), strides: view.strides.slice(0, -1), offset: view.offset }
    const begin = elementIndex(lead, "row")
    const last = view.shape.at(-1) === 1 ? "0u" : c
    return vector
      ? shader.four(view.tensor, `${begin} / 4u + ${last}`)
      : shader.element(view.tensor, `${begin} + ${last}`)
  }
  return { shader, rows: sizeOf(shape.slice(0, -1)), width, lanes, subgroup, at }
}

/** Functions `sumOf` and `maxOf` that reduce over the threads of a row; all threads must call them. */
function reductions({ shader, lanes, subgroup }: Rows, ops: readonly ("sum" | "max")[]): void {
  const own = {
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
    shader.function(`${op}Of`, `fn ${op}Of(x: T, local: u32) -> f32 { return ${all}(${own[op]}, local); }`)
  }
}

function rowKernel(label: string, { shader, rows, lanes }: Rows, body: string): Kernel {
  const perGroup = 64 / lanes
  const code = shader.text(
    64,
    `let lane = local % ${u(lanes)};
let wanted = ${flat} * ${u(perGroup)} + local / ${u(lanes)};
let row = min(wanted, ${u(rows - 1)});
let inside = wanted < ${u(rows)};
${body}`,
  )
  return { label, code, bindings: shader.bindings, grid: fold(Math.ceil(rows / perGroup)) }
}

const loop = ({ width, lanes }: Rows, body: string): string =>
  `for (var c = lane; c < ${u(width)}; c += ${u(lanes)}) { ${body} }`

const told = (op: string, view: View, after: Pointwise): string =>
  `${op} [${view.shape}]${after.steps.map(({ op: each }) => ` ${each}`).join("")}`

/** exp(x − max) / Σ over the last axis. */
export function softmaxKernel(tensors: Tensors, step: Step<"softmax">, after: Pointwise, subgroup: number): Kernel {
  const [x] = step.inputs as [View]
  const r = rowsOf(tensors, [x], subgroup)
  reductions(r, ["sum", "max"])
  const store = storing(r.shader, tensors, step.outputs[0] as View, after)
  const value = r.at(x, "c")
  return rowKernel(
    told("softmax", x, after),
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
export function softmaxGradKernel(
  tensors: Tensors,
  step: Step<"softmaxGrad">,
  after: Pointwise,
  subgroup: number,
): Kernel {
  const [dy, y] = step.inputs as [View, View]
  const r = rowsOf(tensors, [dy, y], subgroup)
  reductions(r, ["sum"])
  const store = storing(r.shader, tensors, step.outputs[0] as View, after)
  const [d, v] = [r.at(dy, "c"), r.at(y, "c")]
  return rowKernel(
    told("softmaxGrad", dy, after),
    r,
    `var s = T(0);
${loop(r, `s = fma(${d}, ${v}, s);`)}
let total = sumOf(s, local);
if (inside) { ${loop(r, `${store}(row * ${u(r.width)} + c, ${v} * (${d} - total));`)} }`,
  )
}

/** −Σ targets · log softmax(logits) of each row. */
export function crossEntropyKernel(
  tensors: Tensors,
  step: Step<"softmaxCrossEntropy">,
  after: Pointwise,
  subgroup: number,
): Kernel {
  const [logits, targets] = step.inputs as [View, View]
  const r = rowsOf(tensors, [logits, targets], subgroup, true)
  reductions(r, ["sum", "max"])
  const store = storing(r.shader, tensors, step.outputs[0] as View, after)
  const [z, t] = [r.at(logits, "c"), r.at(targets, "c")]
  return rowKernel(
    told("softmaxCrossEntropy", logits, after),
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

/** (x − mean) · rstd · weight + bias over the last axis; the variance is of the centred values. */
export function layerNormKernel(tensors: Tensors, step: Step<"layerNorm">, after: Pointwise, subgroup: number): Kernel {
  const [x, weight, bias] = step.inputs as [View, View, View]
  const [y, mean, rstd] = step.outputs
  const r = rowsOf(tensors, [x, spread(weight, x), spread(bias, x)], subgroup)
  reductions(r, ["sum"])
  const store = y ? storing(r.shader, tensors, y, after) : ""
  const value = r.at(x, "c")
  const size = x.shape.at(-1) as number
  const writes = [
    [mean, "mean"],
    [rstd, "rstd"],
  ].flatMap(([view, name]) => (view ? [r.shader.store((view as View).tensor, false, "row", name as string)] : []))
  const [w, b] = [r.at(spread(weight, x), "c"), r.at(spread(bias, x), "c")]
  return rowKernel(
    told("layerNorm", x, after),
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

/** A vector as rows that are all the same. */
function spread(vector: View, x: View): View {
  const strides = x.shape.map((_, i) => (i === x.shape.length - 1 ? (vector.strides[0] as number) : 0))
  return { ...vector, shape: x.shape, strides }
}

/** rstd (dy w − mean(dy w) − x̂ mean(dy w x̂)), where x̂ = (x − mean) rstd. */
export function layerNormGradKernel(
  tensors: Tensors,
  step: Step<"layerNormGrad">,
  after: Pointwise,
  subgroup: number,
): Kernel {
  const [dy, x, weight, mean, rstd] = step.inputs as [View, View, View, View, View]
  const r = rowsOf(tensors, [dy, x, spread(weight, x)], subgroup)
  reductions(r, ["sum"])
  const store = storing(r.shader, tensors, step.outputs[0] as View, after)
  const size = x.shape.at(-1) as number
  const d = `${r.at(dy, "c")} * ${r.at(spread(weight, x), "c")}`
  const normalized = `(${r.at(x, "c")} - mean) * rstd`
  return rowKernel(
    told("layerNormGrad", x, after),
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

/** Into how many parts the rows fall when columns are summed over them. */
export function columnParts(rows: number, width: number): number {
  return Math.max(1, Math.min(64, Math.floor(rows / 32), Math.ceil(2048 / width)))
}

/**
 * Σ dy x̂ and Σ dy over the rows, in `count` parts that another kernel adds up where there are several: 16 neighbouring
 * columns (of `T`) and 8 rows a workgroup.
 */
export function layerNormGradWeightKernel(
  tensors: Tensors,
  step: Step<"layerNormGradWeight">,
  outputs: readonly (View | null)[],
  count: number,
): Kernel {
  const [dy, x, mean, rstd] = step.inputs as [View, View, View, View]
  const r = rowsOf(tensors, [dy, x], 0)
  const { shader, rows, width } = r
  const chunk = Math.ceil(rows / count)
  const wanted = outputs.flatMap((view, i) => (view ? [{ view, name: i === 0 ? "gain" : "shift" }] : []))
  const element = (view: View): string => shader.element(view.tensor, elementIndex(view, "row"))
  for (const { name } of wanted) shader.global(`var<workgroup> ${name}s: array<T, 128>;`)
  const add = {
    gain: `gain = fma(d, (${r.at(x, "column")} - ${element(mean)}) * ${element(rstd)}, gain);`,
    shift: "shift += d;",
  }
  const tree = [4, 2, 1].map(
    (half) =>
      `workgroupBarrier(); if (lane < ${u(half)}) { ${wanted.map(({ name }) => `${name}s[local] += ${name}s[local + ${u(half * 16)}];`).join(" ")} }`,
  )
  const code = shader.text(
    128,
    `let lane = local / 16u;
let column = group.x * 16u + local % 16u;
let inside = column < ${u(width)};
let to = min((group.y + 1u) * ${u(chunk)}, ${u(rows)});
${wanted.map(({ name }) => `var ${name} = T(0);`).join(" ")}
if (inside) {
  for (var row = group.y * ${u(chunk)} + lane; row < to; row += 8u) {
    let d = ${r.at(dy, "column")};
    ${wanted.map(({ name }) => add[name as "gain" | "shift"]).join(" ")}
  }
}
${wanted.map(({ name }) => `${name}s[local] = ${name};`).join(" ")}
${tree.join("\n")}
if (lane == 0u && inside) {
  ${wanted.map(({ view, name }) => shader.store(view.tensor, shader.vector, `group.y * ${u(width)} + column`, `${name}s[local]`)).join(" ")}
}`,
  )
  return {
    label: `layerNormGradWeight [${x.shape}]${count > 1 ? ` in ${count} parts` : ""}`,
    code,
    bindings: shader.bindings,
    grid: [Math.ceil(width / 16), count, 1],
  }
}

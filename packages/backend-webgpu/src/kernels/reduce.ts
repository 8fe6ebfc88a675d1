import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Step } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { hasOrderOf, type Layout, rowMajor, type View } from "../plan/view.ts"
import { use } from "./functions.ts"
import { laneReduction } from "./lanes.ts"
import { evaluate, opsIn, type Pointwise, read, storing, written } from "./pointwise.ts"
import { elementIndex, flat, fold, type Kernel, lanesOf, Shader, u } from "./shader.ts"

type Reduction = Step<"sum" | "max">

/** −∞. A compiler would refuse it as a constant, so the expression depends on the thread's index. */
export const lowest = "bitcast<f32>(0xff800000u | (local >> 31u))"
const start = { sum: "0.0f", max: lowest } as const
const join = {
  sum: (a: string, b: string) => `${a} + ${b}`,
  max: (a: string, b: string) => `larger(${a}, ${b})`,
} as const

/** The number of results of a reduction, and the number of elements that each result reduces. */
interface Extent {
  readonly outputs: number
  readonly depth: number
}

export function extent({ attributes: { axes }, inputs: [{ shape }] }: Reduction): Extent {
  const depth = elementCount(axes.map((axis) => dimAt(shape, axis)))
  return { outputs: elementCount(shape) / depth, depth }
}

/** The number of parts of a reduction. It is large enough for many threads to take part. */
export function reduceParts({ outputs, depth }: Extent): number {
  const lanes = outputs * Math.min(depth, 64)
  return Math.max(1, Math.min(64, Math.floor(16384 / lanes), Math.floor(depth / 256)))
}

/**
 * Sums or maxima over some axes. The steps `before` compute the elements, the steps `after` use the results. If memory
 * runs along a reduced axis, up to 64 threads share a result. Otherwise 64 threads compute neighbouring results, in 4
 * parts of the reduced axes. With `parts` the kernel writes `[parts, outputs]` without `after`.
 */
export function reduceKernel(
  step: Reduction,
  before: Pointwise,
  after: Pointwise,
  subgroup: number,
  parts?: { readonly count: number; readonly view: View },
): Kernel {
  const [input] = step.inputs
  const [result] = step.outputs
  const { axes } = step.attributes
  const { outputs, depth } = extent(step)
  const shader = new Shader(false)
  const order = rowMajor(input.shape)
  /** The layout of the reduced axes of the input, counted row by row, or that of the other axes. */
  const axesOf = (isReduced: boolean): Layout => {
    const selectedAxes = [...input.shape.keys()].filter((axis) => axes.includes(axis) === isReduced)
    return {
      shape: selectedAxes.map((axis) => dimAt(input.shape, axis)),
      strides: selectedAxes.map((axis) => dimAt(order, axis)),
      offset: 0,
    }
  }
  const [outerAxes, reduced] = [axesOf(false), axesOf(true)]
  const values = new Map<Tensor, string>()
  const lines = evaluate(shader, before, "e", values)
  const computed = values.get(input.tensor)
  const value = computed !== undefined && hasOrderOf(input, input) ? computed : read(shader, input, "e")
  shader.function("value", `fn value(e: u32) -> f32 {\n${lines.join("\n")}\nreturn ${value};\n}`)
  const store = parts === undefined ? storing(shader, result, after) : storing(shader, parts.view, written(parts.view))

  const along = reduced.strides.at(-1) === 1 || outputs === 1
  const lanes = along ? Math.min(64, 2 ** Math.ceil(Math.log2(Math.max(1, depth / 2)))) : 4
  const perGroup = along ? Math.max(1, 64 / lanes) : 64
  const threads = lanes * perGroup
  const count = parts?.count ?? 1
  const chunk = Math.ceil(depth / count)
  const [lane, slot] = along
    ? [`local % ${u(lanes)}`, `local / ${u(lanes)}`]
    : [`local / ${u(perGroup)}`, `local % ${u(perGroup)}`]
  const combine = join[step.op]
  if (step.op === "max") use(shader, "larger")
  const all = along ? `${laneReduction(shader, "all", lanes, combine, subgroup)}(total, local)` : "pool[local]"
  const tree: string[] = []
  if (!along) {
    shader.global(`var<workgroup> pool: array<f32, ${threads}>;`)
    tree.push("pool[local] = total;")
    for (let half = lanes / 2; half >= 1; half /= 2)
      tree.push(
        `workgroupBarrier(); if (lane < ${u(half)}) { pool[local] = ${combine("pool[local]", `pool[local + ${u(half * perGroup)}]`)}; }`,
      )
  }
  const code = shader.text(
    threads,
    `let lane = ${lane};
let unclamped = ${flat} * ${u(perGroup)} + ${slot};
let number = min(unclamped, ${u(outputs * count - 1)});
let o = number % ${u(outputs)};
let begin = (number / ${u(outputs)}) * ${u(chunk)};
let to = min(begin + ${u(chunk)}, ${u(depth)});
let base = ${elementIndex(outerAxes, "o")};
var total = ${start[step.op]};
for (var r = begin + lane; r < to; r += ${u(lanes)}) { let x = value(base + ${elementIndex(reduced, "r")}); total = ${combine("total", "x")}; }
${tree.join("\n")}
let result = ${all};
if (lane == 0u && unclamped < ${u(outputs * count)}) { ${store}(number, result); }`,
  )
  const then = parts === undefined ? opsIn(after.steps) : ` in ${count} parts`
  return {
    label: `${before.steps.map(({ op }) => `${op} `).join("")}${step.op} [${input.shape}] over [${axes}]${then}`,
    code,
    bindings: shader.bindings,
    grid: fold(Math.ceil((outputs * count) / perGroup)),
  }
}

/** Parts `[count, size]`, and the steps on their sum. */
export interface Parts {
  readonly view: View
  readonly result: View
  readonly after: Pointwise
}

/** Sums the parts from other kernels, or takes their maximum. One thread computes one result, or four. */
export function combineKernel(all: readonly Parts[], count: number, op: "sum" | "max" = "sum"): Kernel {
  const sizes = all.map(({ result }) => elementCount(result.shape))
  const vector =
    op === "sum" &&
    sizes.every((size) => size % 4 === 0) &&
    all.every(({ result }) => lanesOf(result).kind === "together")
  const shader = new Shader(vector)
  if (op === "max") use(shader, "larger")
  let end = 0
  const cases = all.map(({ view, result, after }, i) => {
    const size = elementCount(result.shape) / (vector ? 4 : 1)
    const begin = end
    end += size
    const store = storing(shader, result, after, `store${i}`)
    const at = `p * ${u(size)} + n`
    const value = vector ? shader.four(view.tensor, at) : shader.element(view.tensor, at)
    const first = op === "sum" ? "T(0)" : `T(${lowest})`
    return `if (i >= ${u(begin)} && i < ${u(end)}) {
  let n = i - ${u(begin)};
  var total = ${first};
  for (var p = 0u; p < ${u(count)}; p++) { total = ${op === "sum" ? "total +" : "larger(total,"} ${value}${op === "sum" ? "" : ")"}; }
  ${store}(n, total);
}`
  })
  const threads = end > 4096 ? 256 : 64
  const code = shader.text(threads, `let i = ${flat} * ${u(threads)} + local;\n${cases.join("\n")}`)
  return {
    label: `${op} of ${count} parts [${sizes}]${opsIn(all.flatMap(({ after }) => after.steps))}`,
    code,
    bindings: shader.bindings,
    grid: fold(Math.ceil(end / threads)),
  }
}

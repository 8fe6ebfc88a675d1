import { matrixAxes, type View } from "../plan/view.ts"
import { type Shader, u } from "./shader.ts"
import type { ProductSizes, Tiling } from "./tiling.ts"

// Matrix products without workgroup memory. Each thread steps through the inner axis, four steps at a time, and keeps
// the elements of the factors in registers. If threads are in subgroups, four neighbours compute the same rows. Each of
// them reads a quarter of the first factor and gives it to the others.

const times = <R>(count: number, make: (i: number) => R): R[] => Array.from({ length: count }, (_, i) => make(i))

/**
 * Whether each four elements along an axis are a vector in memory.
 * @param run the number of elements along the axis
 * @param across the stride of the other axis
 */
const inVectors = ({ strides, offset }: View, run: number, across: number): boolean =>
  run % 4 === 0 && across % 4 === 0 && offset % 4 === 0 && strides.slice(0, -2).every((stride) => stride % 4 === 0)

/**
 * Statements that add four steps of the inner axis, from `k0` on, to the accumulators `c0_0`…. With `sums` they also
 * add the elements of the first factor to `s0`…. They use `offsetA`, `offsetB`, `row`, `column` and `to`. Rows and
 * columns after the last read the last one again; their results are not stored.
 */
export function directLoop(
  shader: Shader,
  [a, b]: readonly [View, View],
  { m, n, k }: ProductSizes,
  { threadRows, threadColumns }: Tiling,
  quads: boolean,
  sums: boolean,
): string {
  const four = times(4, (kk) => kk)
  const [groups, vectors] = [threadRows / 4, threadColumns / 4]
  const ragged = k % 4 !== 0
  const lines: string[] = []
  const line = (text: string): void => void lines.push(text)
  const [aAxes, bAxes] = [matrixAxes(a), matrixAxes(b)]
  /** The index of step `kk` of the four, or of the last step if there are fewer. */
  const inside = (kk: string): string => (ragged ? `min(k0 + ${kk}, ${u(k - 1)})` : `(k0 + ${kk})`)
  const last = (count: number, at: string): string => `min(${at}, ${u(Math.max(0, count))})`

  // The first factor: `left(r, kk)` is the element of row r.
  const [stepRow, stepK] = [aAxes.rows.stride, aAxes.columns.stride]
  const aRunsInward = stepK === 1 && k > 1
  const element = (r: string, kk: string): string =>
    shader.element(a.tensor, `offsetA + ${last(m - 1, r)} * ${u(stepRow)} + ${kk} * ${u(stepK)}`)
  /** The value of a step, or zero after the last step. */
  const orZero = (value: string, kk: string, zero: string): string =>
    ragged ? `select(${zero}, ${value}, k0 + ${kk} < to)` : value
  const hand = (value: string, kk: number): string => `${shader.subgroup("quadBroadcast")}(${value}, ${u(kk)})`
  let left: (r: number, kk: number) => string
  if (!aRunsInward && stepRow === 1 && inVectors(a, m, stepK)) {
    const vector = (g: number, kk: string): string => {
      const at = `offsetA + ${last(m - 4, `row + ${u(4 * g)}`)} + ${inside(kk)} * ${u(stepK)}`
      return orZero(shader.four(a.tensor, `(${at}) / 4u`), kk, "vec4<f32>(0)")
    }
    if (quads) times(groups, (g) => line(`let a${g} = ${vector(g, "lane")};`))
    else times(groups, (g) => four.forEach((kk) => line(`let a${g}_${kk} = ${vector(g, u(kk))};`)))
    left = (r, kk) => (quads ? hand(`a${r >> 2}[${r % 4}]`, kk) : `a${r >> 2}_${kk}[${r % 4}]`)
  } else if (quads) {
    times(threadRows, (r) => line(`let a${r} = ${orZero(element(`row + ${u(r)}`, inside("lane")), "lane", "0.0f")};`))
    left = (r, kk) => hand(`a${r}`, kk)
  } else {
    const whole = aRunsInward && inVectors(a, k, stepRow)
    times(threadRows, (r) => {
      const at = `offsetA + ${last(m - 1, `row + ${u(r)}`)} * ${u(stepRow)} + k0`
      const parts = four.map((kk) => orZero(element(`row + ${u(r)}`, inside(u(kk))), u(kk), "0.0f"))
      line(`let a${r} = ${whole ? shader.four(a.tensor, `(${at}) / 4u`) : `vec4<f32>(${parts.join(", ")})`};`)
    })
    left = (r, kk) => `a${r}[${kk}]`
  }

  // The second factor: `right(kk)` adds statements that load vectors of columns into `b0`….
  const [stepInner, stepColumn] = [bAxes.rows.stride, bAxes.columns.stride]
  let right: (kk: number) => void
  if (stepInner === 1 && k > 1 && inVectors(b, k, stepColumn)) {
    times(threadColumns, (c) => {
      const at = `offsetB + ${last(n - 1, `column + ${u(c)}`)} * ${u(stepColumn)} + k0`
      line(`let t${c} = ${shader.four(b.tensor, `(${at}) / 4u`)};`)
    })
    right = (kk) =>
      times(vectors, (j) => line(`let b${j} = vec4<f32>(${four.map((c) => `t${4 * j + c}[${kk}]`).join(", ")});`))
  } else {
    const whole = stepColumn === 1 && inVectors(b, n, stepInner)
    right = (kk) =>
      times(vectors, (j) => {
        const at = (c: number, count: number): string =>
          `offsetB + ${last(n - count, `column + ${u(4 * j + c)}`)} * ${u(stepColumn)} + ${inside(u(kk))} * ${u(stepInner)}`
        const value = whole
          ? shader.four(b.tensor, `(${at(0, 4)}) / 4u`)
          : `vec4<f32>(${four.map((c) => shader.element(b.tensor, at(c, 1))).join(", ")})`
        line(`let b${j} = ${orZero(value, u(kk), "vec4<f32>(0)")};`)
      })
  }

  for (const kk of four) {
    line("{")
    right(kk)
    times(threadRows, (r) => {
      line(`let l${r} = ${left(r, kk)};`)
      if (sums) line(`s${r} += l${r};`)
      times(vectors, (j) => line(`c${r}_${j} = fma(vec4<f32>(l${r}), b${j}, c${r}_${j});`))
    })
    line("}")
  }
  return lines.join("\n  ")
}

import { isSame } from "../kernels/pointwise.ts"
import { isPointwise, type Step } from "./step.ts"
import type { Tensor } from "./tensor.ts"
import { isDense, sizeOf, type View } from "./view.ts"

/** Steps that become one kernel: at most one that is not computed point by point, with what stands before and after. */
export interface Group {
  readonly anchor: Step | undefined
  /** What a reduction reads, computed on the way. */
  readonly before: readonly Step[]
  /** What is done with each result before it is written. */
  readonly after: readonly Step[]
  /** The tensors that other kernels read, or that somebody asked for. */
  readonly writes: ReadonlySet<number>
}

/** Kernels that hand their first result on, element by element. */
const handing: ReadonlySet<string> = new Set([
  "sum",
  "max",
  "matMul",
  "softmax",
  "softmaxGrad",
  "softmaxCrossEntropy",
  "layerNorm",
  "layerNormGrad",
  "sumOfSquares",
])

interface Growing {
  anchor: number | undefined
  before: number[]
  after: number[]
  size: number
}

/**
 * Puts steps that are computed point by point together with each other and with the kernels whose results they read, as
 * long as no kernel waits for itself and none has more than `bindings` tensors. Groups come in an order in which they
 * can run.
 */
export function fuse(
  steps: readonly Step[],
  tensors: readonly Tensor[],
  wanted: ReadonlySet<number>,
  bindings: number,
): Group[] {
  const producers = new Map<number, number[]>()
  const readers = new Map<number, number[]>()
  const note = (map: Map<number, number[]>, tensor: number, i: number): void =>
    void map.set(tensor, [...(map.get(tensor) ?? []), i])
  steps.forEach(({ inputs, outputs }, i) => {
    for (const view of outputs) if (view) note(producers, view.tensor, i)
    for (const { tensor } of inputs) note(readers, tensor, i)
  })
  const groupOf = new Map<number, Growing>()
  const at = (i: number): Step => steps[i] as Step
  const members = ({ anchor, before, after }: Growing): number[] => [
    ...before,
    ...(anchor === undefined ? [] : [anchor]),
    ...after,
  ]
  const written = (g: Growing): number[] => {
    const own = new Set(members(g))
    return [...own].flatMap((i) =>
      at(i).outputs.flatMap((view) => {
        if (view === null) return []
        const outside = (readers.get(view.tensor) ?? []).some((reader) => !own.has(reader))
        return outside || wanted.has(view.tensor) ? [view.tensor] : []
      }),
    )
  }
  /** The groups that one needs the results of. */
  const needs = (g: Growing): Set<Growing> => {
    const found = new Set<Growing>()
    for (const i of members(g))
      for (const { tensor } of at(i).inputs)
        for (const from of producers.get(tensor) ?? []) {
          const group = groupOf.get(from)
          if (group && group !== g) found.add(group)
        }
    return found
  }
  const last = (g: Growing): number => Math.max(...members(g))
  const first = (g: Growing): number => Math.min(...members(g))
  /** Whether `g` has to wait for `target`. */
  const waitsFor = (g: Growing, target: Growing): boolean => {
    const earliest = first(target)
    const seen = new Set<Growing>([g])
    const stack = [g]
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top === target) return true
      for (const each of needs(top))
        if (!seen.has(each) && last(each) >= earliest) {
          seen.add(each)
          stack.push(each)
        }
    }
    return false
  }
  const count = (g: Growing): number => {
    const own = new Set(written(g))
    const made = new Set(members(g).flatMap((i) => at(i).outputs.flatMap((view) => (view ? [view.tensor] : []))))
    for (const i of members(g))
      for (const { tensor } of at(i).inputs)
        if (!made.has(tensor) && (tensors[tensor] as Tensor).place !== "literal") own.add(tensor)
    return own.size
  }
  const isWhole = (view: View): boolean =>
    view.offset === 0 && isDense(view) && sizeOf(view.shape) === sizeOf((tensors[view.tensor] as Tensor).shape)
  /** The group that makes an operand element by element as `out` wants it. */
  const maker = (view: View, out: View): Growing | undefined => {
    const [from, ...more] = producers.get(view.tensor) ?? []
    if (from === undefined || more.length > 0 || !isSame(view, out)) return undefined
    const g = groupOf.get(from)
    const [result] = at(from).outputs
    if (g === undefined || g.size !== sizeOf(out.shape) || result?.tensor !== view.tensor || !isWhole(result))
      return undefined
    if (g.before.includes(from)) return undefined
    return g.anchor === undefined || handing.has(at(g.anchor).op) ? g : undefined
  }
  const join = (g: Growing, other: Growing): void => {
    g.after = [...g.after, ...other.after].sort((a, b) => a - b)
    for (const i of other.after) groupOf.set(i, g)
  }
  const together = (g: Growing, other: Growing): Growing => ({ ...g, after: [...g.after, ...other.after] })
  const canJoin = (g: Growing, other: Growing): boolean =>
    [...needs(other)].every((each) => each === g || !waitsFor(each, g)) &&
    [...needs(g)].every((each) => each === other || !waitsFor(each, other)) &&
    count(together(g, other)) <= bindings

  steps.forEach((step, i) => {
    if (step.late !== undefined) return
    const out = step.outputs.find((view) => view !== null) as View
    const own: Growing = { anchor: i, before: [], after: [], size: sizeOf(out.shape) }
    if (!isPointwise(step.op)) {
      groupOf.set(i, own)
      const input = step.inputs[0] as View
      const source = step.op === "sum" || step.op === "max" ? maker(input, input) : undefined
      if (source === undefined || source.anchor !== undefined) return
      const leaving = written(source)
      if (leaving.length !== 1 || leaving[0] !== input.tensor || wanted.has(input.tensor)) return
      if ((readers.get(input.tensor) ?? []).length !== 1) return
      own.before = source.after
      for (const each of source.after) groupOf.set(each, own)
      return
    }
    Object.assign(own, { anchor: undefined, after: [i] })
    groupOf.set(i, own)
    if (!isWhole(out)) return
    const makers = [...new Set(step.inputs.flatMap((view) => maker(view, out) ?? []))]
    let g = own
    for (const each of makers.sort((a, b) => last(b) - last(a))) {
      if (g.anchor !== undefined && each.anchor !== undefined) continue
      const [into, from] = g.anchor !== undefined ? [g, each] : [each, g]
      if (!canJoin(into, from)) continue
      join(into, from)
      g = into
    }
  })

  /** Whether only steps at the very end read what a group makes, and the norm of all such. */
  const isLeaf = (g: Growing): boolean =>
    written(g).every((tensor) =>
      (readers.get(tensor) ?? []).every((reader) => at(reader).late !== undefined || at(reader).op === "sumOfSquares"),
    )
  return ordered([...new Set(groupOf.values())], needs, last, isLeaf).map((g) => ({
    anchor: g.anchor === undefined ? undefined : at(g.anchor),
    before: g.before.map(at),
    after: g.after.map(at),
    writes: new Set(written(g)),
  }))
}

/**
 * An order in which every group comes after those that it needs, and otherwise as the steps came; but what is made for
 * the end is made as soon as it can be, so that what it reads need not be kept.
 */
function ordered(
  groups: readonly Growing[],
  needs: (g: Growing) => ReadonlySet<Growing>,
  last: (g: Growing) => number,
  isLeaf: (g: Growing) => boolean,
): Growing[] {
  const place = new Map<Growing, number>()
  const time = new Map<Growing, number>()
  const visit = (g: Growing): void => {
    if (time.has(g)) return
    time.set(g, 0)
    const before = [...needs(g)].sort((a, b) => last(a) - last(b))
    for (const each of before) visit(each)
    place.set(g, place.size)
    time.set(g, isLeaf(g) ? Math.max(-1, ...before.map((each) => time.get(each) as number)) : place.size - 1)
  }
  for (const g of [...groups].sort((a, b) => last(a) - last(b))) visit(g)
  const at = (map: ReadonlyMap<Growing, number>, g: Growing): number => map.get(g) as number
  return [...place.keys()].sort((a, b) => at(time, a) - at(time, b) || at(place, a) - at(place, b))
}

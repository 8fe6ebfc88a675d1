import { isPointwise, type Step } from "./step.ts"
import type { StepList } from "./steps.ts"
import type { Tensor } from "./tensor.ts"
import { isDense, sizeOf, type View, wholeView } from "./view.ts"

/** Steps whose results somebody reads, with those results that nobody does taken out. */
export function withoutDead(list: StepList): Step[] {
  const wanted = new Set(
    [...Object.values(list.outputs), ...Object.values(list.copies)]
      .map(({ tensor }) => tensor)
      .concat([...list.inPlace.keys()]),
  )
  const kept: Step[] = []
  for (const step of list.steps.toReversed()) {
    const outputs = step.outputs.map((view) => (view && wanted.has(view.tensor) ? view : null))
    if (outputs.every((view) => view === null)) continue
    for (const { tensor } of step.inputs) wanted.add(tensor)
    // What is computed point by point has one result, and a window's two belong together.
    kept.push(isPointwise(step.op) ? step : { ...step, outputs })
  }
  return kept.reverse()
}

/**
 * The sum of a gradient's rows, which a bias gets, is taken by the product that reads the same rows for the weight.
 */
export function withRowSums(steps: readonly Step[]): Step[] {
  const replaced = new Map<number, Step>()
  const gone = new Set<number>()
  steps.forEach((step, i) => {
    const [rows] = step.inputs
    const axes = step.op === "sum" ? (step as Step<"sum">).attributes.axes : []
    if (rows === undefined || rows.shape.length !== 2 || axes.join() !== "0") return
    const out = step.outputs[0] as View
    const firstReader = steps.findIndex(({ inputs }) => inputs.some(({ tensor }) => tensor === out.tensor))
    const at = steps.findIndex(
      ({ op, inputs: [a] }, j) => op === "matMul" && !replaced.has(j) && a !== undefined && isTurned(a, rows),
    )
    if (at < 0 || (firstReader >= 0 && at > firstReader)) return
    const product = steps[at] as Step
    replaced.set(at, { ...product, outputs: [product.outputs[0] ?? null, out] })
    gone.add(i)
  })
  return steps.flatMap((step, i) => (gone.has(i) ? [] : [replaced.get(i) ?? step]))
}

function isTurned(a: View, rows: View): boolean {
  return (
    a.tensor === rows.tensor &&
    a.offset === rows.offset &&
    a.shape.join() === rows.shape.toReversed().join() &&
    a.strides.join() === rows.strides.toReversed().join()
  )
}

/** Whether a view reads every element of its tensor once, in whatever order. */
function isAll({ tensor, shape, strides, offset }: View, tensors: readonly Tensor[]): boolean {
  const axes = shape.map((_, axis) => axis).sort((a, b) => (strides[b] as number) - (strides[a] as number))
  const inOrder = {
    tensor,
    shape: axes.map((a) => shape[a] as number),
    strides: axes.map((a) => strides[a] as number),
    offset,
  }
  return offset === 0 && isDense(inOrder) && sizeOf(shape) === sizeOf((tensors[tensor] as Tensor).shape)
}

/** A chain of additions of sums of squares, such as the norm of all gradients, as one step, and what else is added. */
export function withNorms(steps: readonly Step[], tensors: Tensor[]): Step[] {
  const producer = new Map<number, Step>()
  const readers = new Map<number, number>()
  for (const step of steps) {
    for (const view of step.outputs) if (view) producer.set(view.tensor, step)
    for (const { tensor } of step.inputs) readers.set(tensor, (readers.get(tensor) ?? 0) + 1)
  }
  const isOne = (view: View | null | undefined): boolean => !!view && sizeOf(view.shape) === 1
  const alone = (tensor: number): boolean => readers.get(tensor) === 1
  /** What is squared, where a scalar is the sum of the squares of one tensor. */
  const squared = (scalar: View): { of: View; steps: Step[] } | undefined => {
    const sum = producer.get(scalar.tensor)
    if (sum?.op !== "sum" || !alone(scalar.tensor) || !isOne(sum.outputs[0])) return undefined
    const square = producer.get(sum.inputs[0]?.tensor as number)
    const [a, b] = square?.inputs ?? []
    if (square?.op !== "mul" || a === undefined || b === undefined || !isAll(sum.inputs[0] as View, tensors))
      return undefined
    if (!alone(sum.inputs[0]?.tensor as number) || JSON.stringify(a) !== JSON.stringify(b) || !isAll(a, tensors))
      return undefined
    const { place, shape } = tensors[a.tensor] as Tensor
    return place === "literal" ? undefined : { of: wholeView(a.tensor, shape), steps: [sum, square] }
  }
  const gone = new Set<Step>()
  const made = new Map<Step, Step[]>()
  const collect = (view: View, of: View[], rest: View[], dropped: Step[]): void => {
    const found = squared(view)
    const add = producer.get(view.tensor)
    if (found) {
      of.push(found.of)
      dropped.push(...found.steps)
    } else if (add?.op === "add" && add.late === undefined && isOne(add.outputs[0]) && alone(view.tensor)) {
      dropped.push(add)
      for (const each of add.inputs) collect(each, of, rest, dropped)
    } else rest.push(view)
  }
  for (const step of steps.toReversed()) {
    if (step.op !== "add" || gone.has(step) || step.late !== undefined || !isOne(step.outputs[0])) continue
    const [of, rest, dropped]: [View[], View[], Step[]] = [[], [], []]
    for (const each of step.inputs) collect(each, of, rest, dropped)
    const others = rest.filter(({ tensor }) => {
      const { place, value } = tensors[tensor] as Tensor
      return !(place === "literal" && value === 0)
    })
    if (of.length < 4) continue
    for (const each of dropped) gone.add(each)
    let out = step.outputs[0] as View
    const norm: Step[] = []
    for (const other of others) {
      const sum = wholeView(tensors.push({ shape: [], dtype: "float32", place: "work" }) - 1, [])
      norm.unshift({ op: "add", attributes: {}, inputs: [sum, other], outputs: [out] })
      out = sum
    }
    made.set(step, [{ op: "sumOfSquares", attributes: {}, inputs: of, outputs: [out] }, ...norm])
  }
  return steps.flatMap((step) => made.get(step) ?? (gone.has(step) ? [] : [step]))
}

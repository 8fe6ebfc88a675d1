import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Step } from "./step.ts"
import type { StepList } from "./steps.ts"
import type { Tensor } from "./tensor.ts"
import { isDense, isLiteral, matrixTransposed, sameView, type View, wholeView } from "./view.ts"

/** Removes steps without readers, and results without readers of the other steps. */
export function withoutDead({ steps, outputs, copies, inPlace }: StepList): Step[] {
  const read = new Set([...Object.values(outputs), ...Object.values(copies)].map(({ tensor }) => tensor))
  for (const tensor of inPlace.keys()) read.add(tensor)
  const alive: Step[] = []
  for (const step of steps.toReversed()) {
    if (!step.outputs.some((view) => view && read.has(view.tensor))) continue
    for (const { tensor } of step.inputs) read.add(tensor)
    alive.push(withoutDeadResults(step, read))
  }
  return alive.reverse()
}

function withoutDeadResults(step: Step, read: ReadonlySet<Tensor>): Step {
  const alive = (view: View | null): View | null => (view && read.has(view.tensor) ? view : null)
  switch (step.op) {
    case "layerNorm": {
      const [y, mean, rstd] = step.outputs
      return { ...step, outputs: [alive(y), alive(mean), alive(rstd)] }
    }
    case "layerNormGradWeight":
    case "attention":
    case "attentionGradQuery":
    case "attentionGradKey":
    case "maxPool2d": {
      const [a, b] = step.outputs
      return { ...step, outputs: [alive(a), alive(b)] }
    }
    default:
      return step
  }
}

/**
 * The product for a weight's gradient reads the same rows as the sum for the bias' gradient. This function lets the
 * product compute that sum.
 */
export function withRowSums(steps: readonly Step[]): Step[] {
  const replaced = new Map<Step, Step>()
  const dropped = new Set<Step>()
  for (const step of steps) {
    if (step.op !== "sum" || step.attributes.axes.join() !== "0") continue
    const [rows] = step.inputs
    const [sum] = step.outputs
    if (rows.shape.length !== 2) continue
    const isReader = ({ inputs }: Step): boolean => inputs.some(({ tensor }) => tensor === sum.tensor)
    const columns = matrixTransposed(rows)
    for (const product of steps) {
      if (product.op === "matMul" && !replaced.has(product) && sameView(product.inputs[0], columns)) {
        replaced.set(product, { ...product, outputs: [product.outputs[0], sum] })
        dropped.add(step)
        break
      }
      // The sum is read before the product runs.
      if (isReader(product)) break
    }
  }
  return steps.filter((step) => !dropped.has(step)).map((step) => replaced.get(step) ?? step)
}

/** Whether a view reads every element of its tensor once, in any order. */
function isAll(view: View): boolean {
  const { shape, strides, offset } = view
  const axes = [...shape.keys()].sort((a, b) => dimAt(strides, b) - dimAt(strides, a))
  const inOrder = {
    shape: axes.map((axis) => dimAt(shape, axis)),
    strides: axes.map((axis) => dimAt(strides, axis)),
    offset,
  }
  return offset === 0 && isDense(inOrder) && elementCount(shape) === elementCount(view.tensor.shape)
}

const isScalar = (view: View): boolean => elementCount(view.shape) === 1

const isZero = ({ tensor }: View): boolean => tensor.place === "literal" && tensor.value === 0

/** The fewest sums of squares that are merged into one step. */
const leastSums = 4

/** Merges a chain of additions of sums of squares, such as the norm of all gradients, into one step. */
export function withNorms(steps: readonly Step[], tensors: Tensor[]): Step[] {
  const chains = new Chains(steps)
  const dropped = new Set<Step>()
  const replaced = new Map<Step, readonly Step[]>()
  for (const step of steps.toReversed()) {
    if (step.op !== "add" || step.late !== undefined || dropped.has(step) || !isScalar(step.outputs[0])) continue
    const chain = chains.endingWith(step)
    if (chain.squared.length < leastSums) continue
    for (const step of chain.steps) dropped.add(step)
    replaced.set(step, normSteps(step, chain, tensors))
  }
  return steps.flatMap((step) => replaced.get(step) ?? (dropped.has(step) ? [] : [step]))
}

/** A chain of additions: the tensors of its sums of squares, its other terms, and the steps that one step replaces. */
interface Chain {
  readonly squared: View[]
  readonly terms: View[]
  readonly steps: Step[]
}

/** One sum of all squares, followed by additions of the chain's other terms. */
function normSteps(last: Step<"add">, { squared, terms }: Chain, tensors: Tensor[]): Step[] {
  let [y] = last.outputs
  const additions: Step[] = []
  for (const other of terms.filter((view) => !isZero(view))) {
    const tensor: Tensor = { shape: [], dtype: "float32", place: "work" }
    tensors.push(tensor)
    const sum = wholeView(tensor)
    additions.unshift({ op: "add", attributes: {}, inputs: [sum, other], outputs: [y] })
    y = sum
  }
  return [{ op: "sumOfSquares", attributes: {}, inputs: squared, outputs: [y] }, ...additions]
}

class Chains {
  readonly #producers = new Map<Tensor, Step>()
  readonly #readers = new Map<Tensor, number>()

  constructor(steps: readonly Step[]) {
    for (const step of steps) {
      for (const view of step.outputs) if (view) this.#producers.set(view.tensor, step)
      for (const { tensor } of step.inputs) this.#readers.set(tensor, (this.#readers.get(tensor) ?? 0) + 1)
    }
  }

  endingWith(step: Step<"add">): Chain {
    const chain: Chain = { squared: [], terms: [], steps: [] }
    for (const view of step.inputs) this.#collect(view, chain)
    return chain
  }

  #isReadOnce({ tensor }: View): boolean {
    return this.#readers.get(tensor) === 1
  }

  #collect(term: View, chain: Chain): void {
    const norm = this.#squared(term)
    const add = this.#producers.get(term.tensor)
    if (norm !== undefined) {
      chain.squared.push(norm.x)
      chain.steps.push(...norm.steps)
    } else if (add?.op === "add" && add.late === undefined && isScalar(add.outputs[0]) && this.#isReadOnce(term)) {
      chain.steps.push(add)
      for (const input of add.inputs) this.#collect(input, chain)
    } else chain.terms.push(term)
  }

  /** If a scalar is the sum of the squares of one tensor, the tensor and the steps of that sum. */
  #squared(scalar: View): { readonly x: View; readonly steps: readonly Step[] } | undefined {
    const sum = this.#producers.get(scalar.tensor)
    if (sum?.op !== "sum" || !this.#isReadOnce(scalar) || !isScalar(sum.outputs[0])) return undefined
    const [squares] = sum.inputs
    const square = this.#producers.get(squares.tensor)
    if (square?.op !== "mul" || !isAll(squares) || !this.#isReadOnce(squares)) return undefined
    const [a, b] = square.inputs
    if (!sameView(a, b) || !isAll(a) || isLiteral(a)) return undefined
    return { x: wholeView(a.tensor), steps: [sum, square] }
  }
}

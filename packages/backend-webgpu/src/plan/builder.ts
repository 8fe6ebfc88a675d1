import { type BoundGraph, typeOf, type ValueId } from "@vitrine/core/backend"
import { type Placement, placements } from "./placement.ts"
import type { Step } from "./step.ts"
import { hostDType, type StoredDType, type Tensor } from "./tensor.ts"
import {
  broadcasted,
  isDense,
  isLiteral,
  isRepeated,
  isWhole,
  reshaped,
  sameView,
  type View,
  wholeView,
} from "./view.ts"

/** Collects the tensors and steps of a program, and finds the view of each value of its graph. */
export class StepBuilder {
  readonly graph: BoundGraph
  readonly tensors: Tensor[] = []
  readonly steps: Step[] = []
  /** The values that are stored in float16. */
  readonly #narrow: ReadonlySet<ValueId>
  readonly #placements: ReadonlyMap<ValueId, Placement>
  readonly #views = new Map<ValueId, View>()
  /** The memory of values that contain the places of other values. */
  readonly #holders = new Map<ValueId, View>()
  readonly #copies: { readonly view: View; readonly copy: View }[] = []

  constructor(graph: BoundGraph, narrow: ReadonlySet<ValueId>) {
    this.graph = graph
    this.#narrow = narrow
    this.#placements = placements(graph)
  }

  tensor(tensor: Tensor): View {
    this.tensors.push(tensor)
    return wholeView(tensor)
  }

  work(shape: readonly number[], dtype: StoredDType): View {
    return this.tensor({ shape, dtype, place: "work" })
  }

  step(step: Step): void {
    this.steps.push(step)
  }

  typeOf(value: ValueId): { readonly shape: readonly number[]; readonly dtype: StoredDType } {
    const { shape, dtype } = typeOf(this.graph, value)
    return { shape, dtype: this.#narrow.has(value) ? "float16" : hostDType(dtype) }
  }

  view(value: ValueId): View {
    const view = this.#views.get(value)
    if (view === undefined) throw new Error(`value ${value} is read before it is made`)
    return view
  }

  setView(value: ValueId, view: View): void {
    this.#views.set(value, view)
  }

  /** Allocates the tensor of a value, or finds the value's place within another tensor. */
  result(value: ValueId): View {
    const placement = this.#placements.get(value)
    const view = placement === undefined ? this.#memoryOf(value) : this.#placeOf(placement)
    this.setView(value, view)
    return view
  }

  /** The memory of a value that contains the places of other values, or undefined. */
  holder(value: ValueId): View | undefined {
    return this.#holders.get(value)
  }

  #memoryOf(value: ValueId): View {
    const { shape, dtype } = this.typeOf(value)
    return this.work(shape, dtype)
  }

  #placeOf({ holder, shape, strides, offset }: Placement): View {
    const memory = this.#holders.get(holder) ?? this.#memoryOf(holder)
    this.#holders.set(holder, memory)
    return { tensor: memory.tensor, shape, strides, offset }
  }

  /** A dense tensor with a view's elements in order. Equal views share one copy. */
  copy(view: View): View {
    const entry = this.#copies.find((each) => sameView(each.view, view))
    if (entry !== undefined) return entry.copy
    const copy = this.work(view.shape, view.tensor.dtype)
    this.step({ op: "copy", attributes: {}, inputs: [view], outputs: [copy] })
    this.#copies.push({ view, copy })
    return copy
  }

  /** The elements of a view in another shape. */
  reshaped(view: View, shape: readonly number[]): View {
    const result = reshaped(view, shape) ?? reshaped(this.copy(view), shape)
    if (result === undefined) throw new Error(`[${view.shape}] cannot become [${shape}]`)
    return result
  }

  // The next methods return a view that a kernel can read: the given view, or a copy.

  /** A dense view of a whole tensor. */
  whole(view: View): View {
    return isWhole(view) && !isLiteral(view) ? view : this.copy(view)
  }

  /** A view without gaps along the last axis. */
  rows(view: View): View {
    const fits = !isLiteral(view) && (view.shape.at(-1) === 1 || view.strides.at(-1) === 1)
    return fits ? view : this.copy(view)
  }

  /** A view without gaps along one of the last two axes. */
  matrix(view: View): View {
    const fits = !isLiteral(view) && (view.strides.at(-1) === 1 || view.strides.at(-2) === 1)
    return fits ? view : this.copy(view)
  }

  /** A vector without gaps, or a literal. */
  vector(view: View): View {
    return isLiteral(view) || view.strides[0] === 1 || view.shape[0] === 1 ? view : this.copy(view)
  }

  /** An operand of a step that writes slots in place: one number for all elements, or whole vectors of four. */
  lateOperand(view: View, shape: readonly number[]): View {
    if (isLiteral(view) || isRepeated(view)) return broadcasted(view, shape)
    return isDense(view) && view.offset % 4 === 0 ? view : this.copy(view)
  }
}

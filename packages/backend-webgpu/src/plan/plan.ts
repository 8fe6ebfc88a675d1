import type { Graph } from "@vitrine/core"
import { bindBatch, elementCount, lower } from "@vitrine/core/backend"
import { kernelsOf } from "../kernels/kernels.ts"
import { type LateSet, lateSet, signature } from "../kernels/many.ts"
import { type Parts, reduceKernel } from "../kernels/reduce.ts"
import type { Kernel } from "../kernels/shader.ts"
import type { Target } from "../kernels/target.ts"
import { fuse, type Group } from "./fuse.ts"
import { halves } from "./halves.ts"
import { aligned, layOut, type Lifetime, type Memory } from "./memory.ts"
import { withNorms, withoutDead, withRowSums } from "./simplify.ts"
import { stepsOf, supports } from "./steps.ts"
import { isPointwiseStep, type PointwiseStep, type Step } from "./step.ts"
import { bytesOf, type Tensor } from "./tensor.ts"
import { type View, wholeView } from "./view.ts"

/** One entry of a plan. All but the first kind run over many tensors, which a table lists. */
export type Dispatch = KernelDispatch | SquaresDispatch | SumsDispatch | LateDispatch

export interface KernelDispatch {
  readonly kind: "kernel"
  readonly kernel: Kernel
}

/** Sums of squares of stretches of `inputs`, into `parts`. */
export interface SquaresDispatch {
  readonly kind: "squares"
  readonly inputs: readonly View[]
  readonly parts: Tensor
}

/** Sums of parts that other kernels left. */
export interface SumsDispatch {
  readonly kind: "sums"
  readonly items: readonly Summed[]
}

/** Next values of slots, written in place. The sets have one signature. */
export interface LateDispatch {
  readonly kind: "late"
  readonly sets: readonly LateSet[]
}

export interface Summed {
  /** `[count, size]`, dense. */
  readonly parts: Tensor
  /** `[size]`, dense. */
  readonly result: Tensor
  readonly count: number
}

/** A program before there is a device: its dispatches in order, and where everything lies in memory. */
export interface Plan {
  readonly tensors: readonly Tensor[]
  readonly dispatches: readonly Dispatch[]
  readonly memory: Memory
  /** The results of the program by name, each a whole tensor. */
  readonly outputs: Readonly<Record<string, View>>
  /** What is copied to slots at the end, by the slot's name. */
  readonly copies: Readonly<Record<string, View>>
}

export interface PlanLimits extends Target {
  /** Most buffers that a kernel may bind. */
  readonly bindings: number
  /** Bytes of the largest buffer, and of the largest binding. */
  readonly largest: number
  /** Whether activations are stored in float16. */
  readonly half?: boolean
}

/** Elements that one workgroup squares and sums. */
export const squaresStretch = 16384

/** Larger parts are summed by a kernel of their own, and not at the end. */
const largestDeferred = 2 ** 20

export function planOf(
  source: Graph,
  batch: number | undefined,
  constants: Readonly<Record<string, Float32Array>>,
  limits: PlanLimits,
): Plan {
  // A CPU multiplies faster than it recomputes weights of attention row by row, and has the memory to keep them.
  const decomposesAttention = limits.cpu && source.nodes.some(({ op }) => op === "attentionGrad")
  const lowered = lower(source, (op) => supports(op) && !(decomposesAttention && op.startsWith("attention")))
  const list = stepsOf(bindBatch(lowered, batch), constants, limits.half ? halves(lowered) : undefined)
  const { tensors, outputs, copies } = list
  const steps = withRowSums(withNorms(withoutDead(list), tensors))
  const results = new Set([...Object.values(outputs), ...Object.values(copies)].map(({ tensor }) => tensor))
  const dispatches = [
    ...groupDispatches(fuse(steps, results, limits.bindings), steps, tensors, results, limits),
    ...lateDispatches(steps, list.inPlace),
  ]
  return { tensors, dispatches, memory: memoryOf(dispatches, results, limits.largest), outputs, copies }
}

/** The kernels of all groups. Small sums of parts that are read at the end become one dispatch. */
function groupDispatches(
  groups: readonly Group[],
  steps: readonly Step[],
  tensors: Tensor[],
  results: ReadonlySet<Tensor>,
  limits: PlanLimits,
): Dispatch[] {
  const dispatches: Dispatch[] = []
  const work = (shape: readonly number[]): View => {
    const tensor: Tensor = { shape, dtype: "float32", place: "work" }
    tensors.push(tensor)
    return wholeView(tensor)
  }
  let deferred: Summed[] = []
  const flush = (): void => {
    if (deferred.length > 0) dispatches.push({ kind: "sums", items: deferred })
    deferred = []
  }
  const isReadAtEnd = ({ tensor }: View): boolean =>
    !results.has(tensor) &&
    steps.every(
      ({ op, late, inputs }) =>
        late !== undefined || op === "sumOfSquares" || !inputs.some((view) => view.tensor === tensor),
    )
  const defer = (parts: readonly Parts[], count: number): boolean => {
    const fits = parts.every(
      ({ view, result }) =>
        elementCount(result.shape) % 4 === 0 && isReadAtEnd(result) && bytesOf(view.tensor) <= largestDeferred,
    )
    if (fits) deferred.push(...parts.map(({ view, result }) => ({ parts: view.tensor, result: result.tensor, count })))
    return fits
  }
  for (const group of groups) {
    const { anchor, after, writes } = group
    if (anchor?.op !== "sumOfSquares") {
      for (const kernel of kernelsOf(group, limits, work, defer)) dispatches.push({ kind: "kernel", kernel })
      continue
    }
    flush()
    const { inputs, outputs } = anchor
    const count = inputs.reduce((n, { shape }) => n + Math.ceil(elementCount(shape) / squaresStretch), 0)
    const parts = work([count])
    const sum: Step<"sum"> = { op: "sum", attributes: { axes: [0] }, inputs: [parts], outputs }
    const kernel = reduceKernel(sum, { steps: [], writes: new Set() }, { steps: after, writes }, limits.subgroup)
    dispatches.push({ kind: "squares", inputs, parts: parts.tensor }, { kind: "kernel", kernel })
  }
  flush()
  return dispatches
}

/** Late sets that compute the same become one dispatch. Those that only overwrite come last. */
function lateDispatches(steps: readonly Step[], slots: ReadonlyMap<Tensor, readonly string[]>): LateDispatch[] {
  const sets = new Map<number, PointwiseStep[]>()
  for (const step of steps)
    if (step.late !== undefined && isPointwiseStep(step)) sets.set(step.late, [...(sets.get(step.late) ?? []), step])
  const alike = new Map<string, LateSet[]>()
  for (const set of [...sets.values()].map((each) => lateSet(each, slots))) {
    const key = signature(set)
    alike.set(key, [...(alike.get(key) ?? []), set])
  }
  return [...alike.values()]
    .sort(([a], [b]) => (b?.operands.length ?? 0) - (a?.operands.length ?? 0))
    .map((each) => ({ kind: "late", sets: each }))
}

/** The tensors that a dispatch reads and writes; slots that it writes in place are not among them. */
export function touched(dispatch: Dispatch): { readonly reads: readonly Tensor[]; readonly writes: readonly Tensor[] } {
  switch (dispatch.kind) {
    case "kernel": {
      const { bindings } = dispatch.kernel
      const tensors = (access: "read" | "write"): Tensor[] =>
        bindings.filter((binding) => binding.access === access).map(({ tensor }) => tensor)
      return { reads: tensors("read"), writes: tensors("write") }
    }
    case "squares":
      return { reads: dispatch.inputs.map(({ tensor }) => tensor), writes: [dispatch.parts] }
    case "sums":
      return { reads: dispatch.items.map(({ parts }) => parts), writes: dispatch.items.map(({ result }) => result) }
    case "late":
      return { reads: dispatch.sets.flatMap(({ operands }) => operands.map(({ view }) => view.tensor)), writes: [] }
  }
}

const isWork = ({ place }: Tensor): boolean => place === "work"

/** @param kept the tensors that are read after the last dispatch. */
function memoryOf(dispatches: readonly Dispatch[], kept: ReadonlySet<Tensor>, largest: number): Memory {
  const lifetimes = new Map<Tensor, Lifetime>()
  const apart = new Map<Tensor, Set<Tensor>>()
  const separate = (a: Tensor, b: Tensor): void => void apart.set(a, (apart.get(a) ?? new Set()).add(b))
  for (const [i, dispatch] of dispatches.entries()) {
    const { reads, writes } = touched(dispatch)
    for (const tensor of [...reads, ...writes].filter(isWork)) {
      const from = lifetimes.get(tensor)?.from ?? i
      const to = kept.has(tensor) ? dispatches.length : i
      lifetimes.set(tensor, { tensor, bytes: bytesOf(tensor), from, to })
    }
    for (const a of reads.filter(isWork))
      for (const b of writes.filter(isWork)) {
        if (a === b) throw new Error(`a kernel reads and writes one tensor of [${a.shape}]`)
        separate(a, b)
        separate(b, a)
      }
  }
  return layOut([...lifetimes.values()], apart, largest)
}

/** Tensors one after the other in a buffer of their own. */
export interface Row<T extends Tensor> {
  /** Where each tensor begins, in bytes. */
  readonly offsets: ReadonlyMap<T, number>
  /** Bytes of the buffer. */
  readonly bytes: number
}

export function inARow<T extends Tensor>(tensors: readonly T[]): Row<T> {
  const offsets = new Map<T, number>()
  let bytes = 0
  for (const tensor of tensors) {
    offsets.set(tensor, bytes)
    bytes += aligned(bytesOf(tensor))
  }
  return { offsets, bytes }
}

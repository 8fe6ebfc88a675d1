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

/**
 * One entry of a plan. A kernel dispatch computes one result. The other kinds run over many tensors, which a table
 * lists.
 */
export type Dispatch = KernelDispatch | SquaresDispatch | SumsDispatch | LateDispatch

export interface KernelDispatch {
  readonly kind: "kernel"
  readonly kernel: Kernel
}

/** Sums the squares of stretches of `inputs` into `parts`. */
export interface SquaresDispatch {
  readonly kind: "squares"
  readonly inputs: readonly View[]
  readonly parts: Tensor
}

/** Sums parts that other kernels wrote. */
export interface SumsDispatch {
  readonly kind: "sums"
  readonly items: readonly Summed[]
}

/** Computes next values of slots in place. The sets have one signature. */
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

/** A program before it is on a device: its dispatches in order, and the places of all tensors in memory. */
export interface Plan {
  readonly tensors: readonly Tensor[]
  readonly dispatches: readonly Dispatch[]
  readonly memory: Memory
  /** The results of the program by name. Each is a whole tensor. */
  readonly outputs: Readonly<Record<string, View>>
  /** The values that are copied to slots at the end, by the slot's name. */
  readonly copies: Readonly<Record<string, View>>
}

export interface PlanLimits extends Target {
  /** The greatest number of buffers that a kernel may bind. */
  readonly bindings: number
  /** The size in bytes of the largest buffer that can be bound. */
  readonly largest: number
  /** Whether activations are stored in float16. */
  readonly half?: boolean
}

/** The number of elements that one workgroup squares and sums. */
export const squaresStretch = 16384

/** Larger parts are summed immediately by a separate kernel, not at the end. */
const largestDeferred = 2 ** 20

export function planOf(
  source: Graph,
  batch: number | undefined,
  constants: Readonly<Record<string, Float32Array>>,
  limits: PlanLimits,
): Plan {
  // On a CPU, attention's gradient is decomposed: multiplying is faster there than computing weights again row by row,
  // and the memory is large enough to keep them.
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

/** The kernels of all groups. Small sums of parts that are read only at the end become one dispatch. */
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

/** Late sets with the same computation become one dispatch. Sets that only overwrite slots come last. */
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

/** The tensors that a dispatch reads and writes, without the slots that it writes in place. */
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

/** @param lastRead the tensors that are read after the last dispatch */
function memoryOf(dispatches: readonly Dispatch[], lastRead: ReadonlySet<Tensor>, largest: number): Memory {
  const lifetimes = new Map<Tensor, Lifetime>()
  const apart = new Map<Tensor, Set<Tensor>>()
  const separate = (a: Tensor, b: Tensor): void => void apart.set(a, (apart.get(a) ?? new Set()).add(b))
  for (const [i, dispatch] of dispatches.entries()) {
    const { reads, writes } = touched(dispatch)
    for (const tensor of [...reads, ...writes].filter(isWork)) {
      const from = lifetimes.get(tensor)?.from ?? i
      const to = lastRead.has(tensor) ? dispatches.length : i
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

/** Tensors in a row in one buffer. */
export interface Row<T extends Tensor> {
  /** The offset of each tensor in bytes. */
  readonly offsets: ReadonlyMap<T, number>
  /** The size of the buffer in bytes. */
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

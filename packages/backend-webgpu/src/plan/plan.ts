import type { Graph } from "@vitrine/core"
import { bindBatch, lower } from "@vitrine/core/backend"
import { kernelsOf, type Target } from "../kernels/kernels.ts"
import { type LateSet, lateSet, signature } from "../kernels/many.ts"
import { type Parts, reduceKernel } from "../kernels/reduce.ts"
import type { Kernel } from "../kernels/shader.ts"
import { fuse } from "./fuse.ts"
import { halves } from "./halves.ts"
import { aligned, layOut, type Lifetime, type Memory } from "./memory.ts"
import { withNorms, withoutDead, withRowSums } from "./simplify.ts"
import { stepsOf, supports } from "./steps.ts"
import type { Step } from "./step.ts"
import { bytesOf, type Tensor } from "./tensor.ts"
import { sizeOf, type View, wholeView } from "./view.ts"

/** One dispatch of a plan; the last two kinds run over many tensors by a table. */
export type Dispatch =
  | { readonly kind: "kernel"; readonly kernel: Kernel }
  /** Sums of squares of stretches of `inputs`, into `parts`. */
  | { readonly kind: "squares"; readonly inputs: readonly View[]; readonly parts: number }
  /** Sums of parts, of many tensors. */
  | { readonly kind: "sums"; readonly items: readonly Summed[] }
  /** Next values of slots, written in place; the sets have one signature. */
  | { readonly kind: "late"; readonly sets: readonly LateSet[] }

export interface Summed {
  /** `[count, size]` and `[size]`, dense. */
  readonly parts: number
  readonly result: number
  readonly count: number
}

/** A program before there is a device: what runs in which order, and where in memory everything lies. */
export interface Plan {
  readonly tensors: readonly Tensor[]
  readonly dispatches: readonly Dispatch[]
  readonly memory: Memory
  /** Tensors by the name of the output, or of the slot that they are copied to. */
  readonly outputs: Readonly<Record<string, View>>
  readonly copies: Readonly<Record<string, View>>
}

export interface PlanLimits extends Target {
  readonly bindings: number
  /** Bytes of the largest buffer, and of the largest binding. */
  readonly largest: number
  /** Whether activations are stored in float16. */
  readonly half?: boolean
}

/** Elements that one workgroup squares and sums. */
export const squaresStretch = 16384

export function planOf(
  source: Graph,
  batch: number | undefined,
  constants: Readonly<Record<string, Float32Array>>,
  limits: PlanLimits,
): Plan {
  // A CPU multiplies faster than it recomputes weights row by row, and has the memory to keep them.
  const apart = limits.cpu && source.nodes.some(({ op }) => op === "attentionGrad")
  const lowered = lower(source, (op) => supports(op) && !(apart && op.startsWith("attention")))
  const list = stepsOf(bindBatch(lowered, batch), constants, limits.half ? halves(lowered) : undefined)
  const { tensors } = list
  const steps = withRowSums(withNorms(withoutDead(list), tensors))
  const wanted = new Set([...Object.values(list.outputs), ...Object.values(list.copies)].map(({ tensor }) => tensor))
  const dispatches: Dispatch[] = []
  let deferred: Summed[] = []
  const flush = (): void => {
    if (deferred.length > 0) dispatches.push({ kind: "sums", items: deferred })
    deferred = []
  }
  /** What only the end reads need not be there before. */
  const readAtEnd = (tensor: number): boolean =>
    !wanted.has(tensor) &&
    steps.every(
      ({ op, late, inputs }) =>
        late !== undefined || op === "sumOfSquares" || inputs.every((view) => view.tensor !== tensor),
    )
  const defer = (parts: readonly Parts[], count: number): boolean => {
    const fits = parts.every(
      ({ view, result }) =>
        sizeOf(result.shape) % 4 === 0 &&
        readAtEnd(result.tensor) &&
        bytesOf(tensors[view.tensor] as Tensor) <= 2 ** 20,
    )
    if (fits) deferred.push(...parts.map(({ view, result }) => ({ parts: view.tensor, result: result.tensor, count })))
    return fits
  }
  for (const group of fuse(steps, tensors, wanted, limits.bindings)) {
    if (group.anchor?.op !== "sumOfSquares") {
      for (const kernel of kernelsOf(tensors, group, limits, defer)) dispatches.push({ kind: "kernel", kernel })
      continue
    }
    flush()
    const { inputs, outputs } = group.anchor
    const count = inputs.reduce((n, { shape }) => n + Math.ceil(sizeOf(shape) / squaresStretch), 0)
    const parts = tensors.push({ shape: [count], dtype: "float32", place: "work" }) - 1
    const sum: Step<"sum"> = { op: "sum", attributes: { axes: [0] }, inputs: [wholeView(parts, [count])], outputs }
    const nothing = { steps: [], writes: new Set<number>() }
    const after = { steps: group.after, writes: group.writes }
    dispatches.push(
      { kind: "squares", inputs, parts },
      { kind: "kernel", kernel: reduceKernel(tensors, sum, nothing, after, limits.subgroup) },
    )
  }
  flush()
  dispatches.push(...lateDispatches(steps, tensors, list.inPlace))
  return {
    tensors,
    dispatches,
    memory: memoryOf(tensors, dispatches, wanted, limits.largest),
    outputs: list.outputs,
    copies: list.copies,
  }
}

/** Slots' next values: sets that compute the same in one dispatch, and those that only overwrite at the very end. */
function lateDispatches(
  steps: readonly Step[],
  tensors: readonly Tensor[],
  slots: ReadonlyMap<number, readonly string[]>,
): Dispatch[] {
  const sets = new Map<number, Step[]>()
  for (const step of steps) if (step.late !== undefined) sets.set(step.late, [...(sets.get(step.late) ?? []), step])
  const alike = new Map<string, LateSet[]>()
  for (const set of sets.values()) {
    const made = lateSet(tensors, set, slots)
    const key = signature(tensors, made)
    alike.set(key, [...(alike.get(key) ?? []), made])
  }
  return [...alike.values()]
    .sort((a, b) => (b[0]?.operands.length ?? 0) - (a[0]?.operands.length ?? 0))
    .map((each): Dispatch => ({ kind: "late", sets: each }))
}

/** The tensors that a dispatch reads and writes in memory of the program's own. */
export function touched(dispatch: Dispatch): { readonly reads: readonly number[]; readonly writes: readonly number[] } {
  switch (dispatch.kind) {
    case "kernel": {
      const { bindings } = dispatch.kernel
      const of = (access: "read" | "write"): number[] =>
        bindings.filter((each) => each.access === access).map(({ tensor }) => tensor)
      return { reads: of("read"), writes: of("write") }
    }
    case "squares":
      return { reads: dispatch.inputs.map(({ tensor }) => tensor), writes: [dispatch.parts] }
    case "sums":
      return { reads: dispatch.items.map(({ parts }) => parts), writes: dispatch.items.map(({ result }) => result) }
    case "late":
      return { reads: dispatch.sets.flatMap(({ operands }) => operands.map(({ view }) => view.tensor)), writes: [] }
  }
}

function memoryOf(
  tensors: readonly Tensor[],
  dispatches: readonly Dispatch[],
  kept: ReadonlySet<number>,
  largest: number,
): Memory {
  const from = new Map<number, number>()
  const to = new Map<number, number>()
  const apart = new Map<number, Set<number>>()
  const separate = (a: number, b: number): void => {
    if (a === b) throw new Error(`a kernel reads and writes tensor ${a}`)
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      apart.set(one, (apart.get(one) ?? new Set()).add(other))
  }
  const isWork = (tensor: number): boolean => tensors[tensor]?.place === "work"
  dispatches.forEach((dispatch, i) => {
    const { reads, writes } = touched(dispatch)
    for (const tensor of [...reads, ...writes].filter(isWork)) {
      if (!from.has(tensor)) from.set(tensor, i)
      to.set(tensor, i)
    }
    for (const a of reads.filter(isWork)) for (const b of writes.filter(isWork)) separate(a, b)
  })
  const lifetimes = [...from].map(
    ([tensor, first]): Lifetime => ({
      tensor,
      bytes: bytesOf(tensors[tensor] as Tensor),
      from: first,
      to: kept.has(tensor) ? dispatches.length : (to.get(tensor) as number),
    }),
  )
  return layOut(lifetimes, apart, largest)
}

/** Where inputs or constants lie in a buffer of theirs, and its size. */
export function inARow(tensors: readonly Tensor[], place: Tensor["place"]): { at: Map<number, number>; bytes: number } {
  const at = new Map<number, number>()
  let bytes = 0
  tensors.forEach((tensor, i) => {
    if (tensor.place !== place) return
    at.set(i, bytes)
    bytes += aligned(bytesOf(tensor))
  })
  return { at, bytes }
}

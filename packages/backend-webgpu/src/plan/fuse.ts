import { elementCount } from "@vitrine/core/backend"
import { type AnchorStep, isPointwiseStep, type PointwiseStep, type Step, type StepName } from "./step.ts"
import type { Tensor } from "./tensor.ts"
import { hasOrderOf, isLiteral, isWhole, type View } from "./view.ts"

/**
 * Steps that become one kernel: at most one that is not pointwise (the anchor), and pointwise ones before and after it.
 */
export interface Group {
  readonly anchor: AnchorStep | undefined
  /** Pointwise steps that compute the input of the anchor, if the anchor is a reduction. */
  readonly before: readonly PointwiseStep[]
  /** Pointwise steps on the anchor's results. */
  readonly after: readonly PointwiseStep[]
  /** The tensors of the group that other kernels or the host read. */
  readonly writes: ReadonlySet<Tensor>
}

/**
 * Groups pointwise steps with each other, and with the kernels whose results they read. No kernel may wait for itself,
 * and none may have more than `bindings` tensors. Each group stands after the groups that it needs.
 * @param results the tensors that the host reads
 */
export function fuse(steps: readonly Step[], results: ReadonlySet<Tensor>, bindings: number): Group[] {
  const fusion = new Fusion(steps, results, bindings)
  return fusion.drafts().map((draft) => ({
    anchor: draft.anchor?.step,
    before: draft.before.map(({ step }) => step),
    after: draft.after.map(({ step }) => step),
    writes: new Set(fusion.written(draft)),
  }))
}

/** Anchors that pass their first result on element by element. */
const passing: ReadonlySet<StepName> = new Set<StepName>([
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

/** A step and its index among all steps. */
interface Numbered<S extends Step> {
  readonly step: S
  readonly index: number
  /** The group to which the step belongs so far. Late steps have none. */
  draft?: Draft
}

type PointwiseMember = Numbered<PointwiseStep>
type AnchorMember = Numbered<AnchorStep>
type Member = PointwiseMember | AnchorMember

/** A group that may still grow. */
interface Draft {
  readonly anchor?: AnchorMember
  before: readonly PointwiseMember[]
  after: readonly PointwiseMember[]
  /** The number of elements of the anchor's first result, or of each pointwise step's result. */
  readonly size: number
}

const membersOf = ({ anchor, before, after }: Draft): Member[] => [...before, ...(anchor ? [anchor] : []), ...after]

const lastIndex = (draft: Draft): number => Math.max(...membersOf(draft).map(({ index }) => index))
const firstIndex = (draft: Draft): number => Math.min(...membersOf(draft).map(({ index }) => index))

const outputsOf = ({ step }: Member): View[] => [...step.outputs].filter((view) => view !== null && view !== undefined)

class Fusion {
  readonly #members: readonly Member[]
  readonly #producers = new Map<Tensor, Member[]>()
  readonly #readers = new Map<Tensor, Member[]>()
  readonly #results: ReadonlySet<Tensor>
  readonly #bindings: number

  constructor(steps: readonly Step[], results: ReadonlySet<Tensor>, bindings: number) {
    this.#members = steps.map((step, index) => (isPointwiseStep(step) ? { step, index } : { step, index }))
    this.#results = results
    this.#bindings = bindings
    const note = (map: Map<Tensor, Member[]>, tensor: Tensor, member: Member): void => {
      const members = map.get(tensor)
      if (members === undefined) map.set(tensor, [member])
      else members.push(member)
    }
    for (const member of this.#members) {
      for (const { tensor } of outputsOf(member)) note(this.#producers, tensor, member)
      for (const { tensor } of member.step.inputs) note(this.#readers, tensor, member)
    }
    for (const member of this.#members) if (member.step.late === undefined) this.#add(member)
  }

  #readersOf(tensor: Tensor): readonly Member[] {
    return this.#readers.get(tensor) ?? []
  }

  /** The tensors that the host or kernels of other groups read. */
  written(draft: Draft): Tensor[] {
    const members = new Set(membersOf(draft))
    return [...members]
      .flatMap(outputsOf)
      .map(({ tensor }) => tensor)
      .filter((tensor) => this.#results.has(tensor) || this.#readersOf(tensor).some((reader) => !members.has(reader)))
  }

  /** The groups whose results a group reads. */
  #needs(draft: Draft): Set<Draft> {
    const needs = new Set<Draft>()
    for (const { step } of membersOf(draft))
      for (const { tensor } of step.inputs)
        for (const producer of this.#producers.get(tensor) ?? [])
          if (producer.draft !== undefined && producer.draft !== draft) needs.add(producer.draft)
    return needs
  }

  /** Whether a group has to wait for `target`, directly or through other groups. */
  #waitsFor(draft: Draft, target: Draft): boolean {
    const earliest = firstIndex(target)
    const visited = new Set([draft])
    const stack = [draft]
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top === target) return true
      for (const need of this.#needs(top))
        if (!visited.has(need) && lastIndex(need) >= earliest) {
          visited.add(need)
          stack.push(need)
        }
    }
    return false
  }

  /** The number of tensors in memory that the kernel of a group reads and writes. */
  #bindingsOf(draft: Draft): number {
    const members = membersOf(draft)
    const produced = new Set(members.flatMap(outputsOf).map(({ tensor }) => tensor))
    const bound = new Set(this.written(draft))
    for (const { step } of members)
      for (const view of step.inputs) if (!produced.has(view.tensor) && !isLiteral(view)) bound.add(view.tensor)
    return bound.size
  }

  /** The group that computes an operand element by element, in the order of `y`. */
  #maker(view: View, y: View): Draft | undefined {
    const [producer, ...others] = this.#producers.get(view.tensor) ?? []
    const draft = producer?.draft
    if (producer === undefined || draft === undefined || others.length > 0 || !hasOrderOf(view, y)) return undefined
    const [result] = producer.step.outputs
    if (draft.size !== elementCount(y.shape) || result?.tensor !== view.tensor || !isWhole(result)) return undefined
    if (draft.before.some((member) => member === producer)) return undefined
    return draft.anchor === undefined || passing.has(draft.anchor.step.op) ? draft : undefined
  }

  #canJoin(draft: Draft, other: Draft): boolean {
    const union = { ...draft, after: [...draft.after, ...other.after] }
    return (
      [...this.#needs(other)].every((need) => need === draft || !this.#waitsFor(need, draft)) &&
      [...this.#needs(draft)].every((need) => need === other || !this.#waitsFor(need, other)) &&
      this.#bindingsOf(union) <= this.#bindings
    )
  }

  #add(member: Member): void {
    if (isPointwiseMember(member)) this.#addPointwise(member)
    else this.#addAnchor(member)
  }

  #addAnchor(anchor: AnchorMember): void {
    const [output] = outputsOf(anchor)
    const draft: Draft = { anchor, before: [], after: [], size: elementCount(output?.shape ?? []) }
    anchor.draft = draft
    const { step } = anchor
    if (step.op !== "sum" && step.op !== "max") return
    const [x] = step.inputs
    const source = this.#maker(x, x)
    if (source === undefined || source.anchor !== undefined) return
    const [written, ...others] = this.written(source)
    if (written !== x.tensor || others.length > 0) return
    if (this.#results.has(x.tensor) || this.#readersOf(x.tensor).length !== 1) return
    draft.before = source.after
    for (const member of source.after) member.draft = draft
  }

  #addPointwise(member: PointwiseMember): void {
    const { inputs, outputs } = member.step
    const [y] = outputs
    let draft: Draft = { before: [], after: [member], size: elementCount(y.shape) }
    member.draft = draft
    if (!isWhole(y)) return
    const makers = new Set([...inputs].flatMap((view) => this.#maker(view, y) ?? []))
    for (const maker of [...makers].sort((a, b) => lastIndex(b) - lastIndex(a))) {
      if (draft.anchor !== undefined && maker.anchor !== undefined) continue
      const [into, from] = draft.anchor === undefined ? [maker, draft] : [draft, maker]
      if (!this.#canJoin(into, from)) continue
      into.after = [...into.after, ...from.after].sort((a, b) => a.index - b.index)
      for (const member of from.after) member.draft = into
      draft = into
    }
  }

  /** Whether only late steps and the norm of all gradients read a group's results. */
  #isLeaf(draft: Draft): boolean {
    const isLast = ({ step }: Member): boolean => step.late !== undefined || step.op === "sumOfSquares"
    return this.written(draft).every((tensor) => this.#readersOf(tensor).every(isLast))
  }

  /**
   * All groups, each after the groups that it needs, and otherwise in the order of the steps. A leaf comes as early as
   * possible, so that the memory of its operands is free early.
   */
  drafts(): Draft[] {
    const entries = new Map<Draft, { readonly draft: Draft; place: number; time: number }>()
    let count = 0
    const timeOf = (draft: Draft): number => {
      const visited = entries.get(draft)
      if (visited !== undefined) return visited.time
      const entry = { draft, place: 0, time: 0 }
      entries.set(draft, entry)
      const times = [...this.#needs(draft)].sort((a, b) => lastIndex(a) - lastIndex(b)).map(timeOf)
      entry.place = count++
      entry.time = this.#isLeaf(draft) ? Math.max(-1, ...times) : entry.place
      return entry.time
    }
    const all = new Set(this.#members.flatMap(({ draft }) => draft ?? []))
    for (const draft of [...all].sort((a, b) => lastIndex(a) - lastIndex(b))) timeOf(draft)
    return [...entries.values()].sort((a, b) => a.time - b.time || a.place - b.place).map(({ draft }) => draft)
  }
}

const isPointwiseMember = (member: Member): member is PointwiseMember => isPointwiseStep(member.step)

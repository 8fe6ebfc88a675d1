import type { Graph } from "@vitrine/core"
import type { GraphNode, Ops, ValueId } from "@vitrine/core/backend"
import { numbers } from "./tensor.ts"
import { reshaped, sliced, transposed, type View, wholeView } from "./view.ts"

/** Where a value lies within the memory of another one, the holder. */
export interface Placement extends Omit<View, "tensor"> {
  readonly holder: ValueId
}

/** Ops whose kernels write their results in any layout; the outputs that this is said of. */
const flexible: Readonly<Record<string, readonly number[]>> = { attention: [0], attentionGrad: [0, 1, 2], matMul: [0] }

/**
 * Values that are written straight to where their transposed, reshaped or joined form is wanted, so that heads are put
 * together again without a kernel.
 */
export function placements(g: Graph): ReadonlyMap<ValueId, Placement> {
  const readers = new Map<ValueId, GraphNode[]>()
  for (const node of g.nodes) for (const value of node.inputs) readers.set(value, [...(readers.get(value) ?? []), node])
  const shape = (value: ValueId): readonly number[] => numbers(g.values[value] as Graph["values"][number])
  const placed = new Map<ValueId, Placement>()

  const place = (value: ValueId): void => {
    const path: GraphNode[] = []
    let at = value
    for (;;) {
      const next = (readers.get(at) ?? []).filter(({ op }) => op === "transpose" || op === "reshape")
      const others = (readers.get(at) ?? []).filter(({ op }) => op === "concat")
      if (next.length !== 1 || others.length > 0) break
      path.push(next[0] as GraphNode)
      at = (next[0] as GraphNode).outputs[0]
    }
    const joined = readers.get(at) ?? []
    const alone = [value, ...path.slice(0, -1).map(({ outputs }) => outputs[0])].every(
      (each) => (readers.get(each) ?? []).length === 1 && !Object.values(g.outputs).includes(each),
    )
    let holder = at
    let view: View | undefined = wholeView(0, shape(at))
    if (joined.length === 1 && joined[0]?.op === "concat" && alone) {
      const [join] = joined as [GraphNode]
      const { axis } = join.attributes as Ops["concat"]
      const parts: readonly ValueId[] = join.inputs
      const before = parts.slice(0, parts.indexOf(at)).reduce((n, part) => n + (shape(part)[axis] as number), 0)
      holder = join.outputs[0]
      view = sliced(wholeView(0, shape(holder)), axis, before, shape(at)[axis] as number)
    } else if (!path.some(({ op }) => op === "transpose")) return
    for (const { op, attributes, inputs } of path.reverse()) {
      if (view === undefined) return
      if (op === "reshape") view = reshaped(view, shape(inputs[0]))
      else {
        const { permutation } = attributes as Ops["transpose"]
        const inverse = permutation.map((_, i) => permutation.indexOf(i))
        view = transposed(view, inverse)
      }
    }
    // Kernels write rows, so the last axis must stay together.
    if (view === undefined || (view.shape.at(-1) !== 1 && view.strides.at(-1) !== 1)) return
    placed.set(value, { holder, shape: view.shape, strides: view.strides, offset: view.offset })
  }
  for (const { op, outputs } of g.nodes) for (const i of flexible[op] ?? []) place(outputs[i] as ValueId)
  return placed
}

import type { Graph } from "@vitrine/core"
import { type GraphNode, lastUses, type OpName, type ValueId } from "@vitrine/core/backend"
import { lateNodes } from "./late.ts"
import { placements } from "./placement.ts"
import { isPointwise, type Piece, type Step, type StepName, type Steps } from "./step.ts"
import { numbers, stored, type Stored, type Tensor } from "./tensor.ts"
import { broadcasted, isDense, reshaped, sizeOf, sliced, transposed, type View, wholeView } from "./view.ts"

/** A graph as steps on tensors in memory: reshapes, transposes, slices and broadcasts have become ways to read. */
export interface StepList {
  readonly tensors: Tensor[]
  readonly steps: Step[]
  /** Whole tensors, dense. */
  readonly outputs: Readonly<Record<string, View>>
  /** New values of slots, to be copied there at the end. */
  readonly copies: Readonly<Record<string, View>>
  /** New values of slots that their steps write in place, by tensor: see late.ts. */
  readonly inPlace: ReadonlyMap<number, readonly string[]>
}

/** Ops that become steps of the same name with dense inputs. */
const dense: ReadonlySet<string> = new Set([
  "conv2d",
  "conv2dInputGrad",
  "conv2dWeightGrad",
  "maxPool2d",
  "gather",
  "scatterAdd",
])

/** Ops whose inputs may lie anyhow, but along the last axis without gaps. */
const rows: ReadonlySet<string> = new Set(["softmax", "softmaxGrad", "softmaxCrossEntropy", "layerNorm"])

/** Ops that this backend runs as they are. */
export function supports(op: OpName): boolean {
  return (
    isPointwise(op) ||
    dense.has(op) ||
    rows.has(op) ||
    op === "layerNormGrad" ||
    op === "attention" ||
    op === "attentionGrad" ||
    structural.has(op)
  )
}

const structural: ReadonlySet<string> = new Set([
  "input",
  "state",
  "constant",
  "full",
  "reshape",
  "transpose",
  "broadcastTo",
  "split",
  "slice",
  "barrier",
  "concat",
  "pad",
  "sum",
  "max",
  "matMul",
])

/** Constants that are smaller are not worth to be stored in float16. */
const leastConstant = 1024

/**
 * The steps of a graph without named dimensions whose ops are all supported. With `narrow`, these values are stored in
 * float16, and so are large constants.
 */
export function stepsOf(
  g: Graph,
  constants: Readonly<Record<string, Float32Array>>,
  narrow: ReadonlySet<ValueId> | undefined,
): StepList {
  const tensors: Tensor[] = []
  const steps: Step[] = []
  const views = new Map<ValueId, View>()
  const placed = placements(g)
  const late = lateNodes(g)
  const used = lastUses(g)

  const add = (tensor: Tensor): View => wholeView(tensors.push(tensor) - 1, tensor.shape)
  const work = (shape: readonly number[], dtype: Stored): View => add({ shape, dtype, place: "work" })
  const typeOf = (value: ValueId): { shape: readonly number[]; dtype: Stored } => {
    const type = g.values[value] as Graph["values"][number]
    return { shape: numbers(type), dtype: narrow?.has(value) ? "float16" : stored(type.dtype) }
  }
  const at = (value: ValueId): View => views.get(value) as View
  const step = <K extends StepName>(
    op: K,
    attributes: Steps[K],
    inputs: readonly View[],
    outputs: readonly (View | null)[],
    late?: number,
  ): void => void steps.push({ op, attributes, inputs, outputs, ...(late === undefined ? {} : { late }) })
  const dtypeOf = (view: View): Stored => (tensors[view.tensor] as Tensor).dtype
  const copies = new Map<string, View>()
  const copy = (view: View): View => {
    const key = JSON.stringify(view)
    const known = copies.get(key)
    if (known) return known
    const out = work(view.shape, dtypeOf(view))
    step("copy", {}, [view], [out])
    copies.set(key, out)
    return out
  }
  const isLiteral = (view: View): boolean => (tensors[view.tensor] as Tensor).place === "literal"
  const whole = (view: View): boolean =>
    view.offset === 0 && isDense(view) && sizeOf((tensors[view.tensor] as Tensor).shape) === sizeOf(view.shape)
  const solid = (view: View): View => (whole(view) && !isLiteral(view) ? view : copy(view))
  const inRows = (view: View): View =>
    !isLiteral(view) && (view.shape.at(-1) === 1 || view.strides.at(-1) === 1) ? view : copy(view)
  /** A new tensor for a value, or its place in another's. */
  const result = (value: ValueId): View | null => {
    if (placed.has(value)) return placeOf(value)
    if ((used[value] as number) < 0) return null
    const { shape, dtype } = typeOf(value)
    return work(shape, dtype)
  }
  const holders = new Map<ValueId, View>()
  const placeOf = (value: ValueId): View => {
    const { holder, shape, strides, offset } = placed.get(value) as NonNullable<ReturnType<typeof placed.get>>
    const type = typeOf(holder)
    const held = holders.get(holder) ?? work(type.shape, type.dtype)
    holders.set(holder, held)
    return { tensor: held.tensor, shape, strides, offset }
  }
  const emit = (
    node: GraphNode,
    op: StepName,
    attributes: Steps[StepName],
    inputs: readonly View[],
    set?: number,
  ): void => {
    const outputs = node.outputs.map(result)
    node.outputs.forEach((value, i) => void (outputs[i] && views.set(value, outputs[i])))
    step(op, attributes, inputs, outputs, set)
  }

  const viewOf = (node: GraphNode): readonly (View | undefined)[] | undefined => {
    const { op, attributes, inputs, outputs } = node
    const x = (): View => at(inputs[0] as ValueId)
    const shape = (): readonly number[] => typeOf(outputs[0]).shape
    switch (op) {
      case "barrier":
        return [x()]
      case "reshape":
        return [reshaped(x(), shape())]
      case "transpose":
        return [transposed(x(), attributes.permutation)]
      case "broadcastTo":
        return [broadcasted(x(), shape())]
      case "slice": {
        const { axis, start, end } = attributes
        return [sliced(x(), axis, start, end - start)]
      }
      case "split": {
        const { axis, parts } = attributes
        const size = (x().shape[axis] as number) / parts
        return outputs.map((_, i) => sliced(x(), axis, i * size, size))
      }
      default:
        return undefined
    }
  }

  for (const [index, node] of g.nodes.entries()) {
    const { op, attributes, outputs } = node
    const value = outputs[0]
    const { shape, dtype } = typeOf(value)
    const given = (): View[] => node.inputs.map(at)
    const seen = viewOf(node)
    if (seen !== undefined) {
      outputs.forEach((each, i) => views.set(each, seen[i] ?? reshapedCopy(at(node.inputs[0] as ValueId), each)))
      continue
    }
    switch (op) {
      case "input":
        views.set(value, add({ shape, dtype, place: "input", name: attributes.name }))
        break
      case "state": {
        const { name } = attributes
        const data = Object.hasOwn(constants, name) ? constants[name] : undefined
        const place = data ? "constant" : "state"
        const small = shape.length < 2 || sizeOf(shape) < leastConstant
        const held = data && narrow && !small && dtype === "float32" ? "float16" : dtype
        views.set(value, add({ shape, dtype: held, place, name, ...(data ? { data } : {}) }))
        break
      }
      case "constant":
        views.set(value, add({ shape, dtype, place: "constant", data: attributes.data }))
        break
      case "full": {
        const { value: number } = attributes
        if (Number.isFinite(Math.fround(number)))
          views.set(value, add({ shape, dtype, place: "literal", value: number }))
        else {
          const one = add({ shape: [], dtype, place: "constant", data: Float32Array.of(number) })
          views.set(value, broadcasted(one, shape))
        }
        break
      }
      case "concat": {
        let end = 0
        const { axis } = attributes
        const inputs = given()
        if (holders.has(value)) {
          const held = holders.get(value) as View
          node.inputs.forEach((part, i) => {
            const size = (inputs[i] as View).shape[axis] as number
            if (at(part).tensor !== held.tensor) step("copy", {}, [at(part)], [sliced(held, axis, end, size)])
            end += size
          })
          views.set(value, held)
          break
        }
        const pieces = inputs.map((view, from): Piece => {
          end += view.shape[axis] as number
          return { end, from }
        })
        emit(node, "pieces", { axis, pieces }, inputs)
        break
      }
      case "pad": {
        const { axis, before } = attributes
        const [x] = given() as [View]
        const end = before + (x.shape[axis] as number)
        const pieces: Piece[] = [
          { end: before, from: null },
          { end, from: 0 },
          { end: shape[axis] as number, from: null },
        ]
        emit(node, "pieces", { axis, pieces }, [x])
        break
      }
      case "cast": {
        const from = (g.values[node.inputs[0]] as Graph["values"][number]).dtype
        const to = (g.values[value] as Graph["values"][number]).dtype
        emit(node, "cast", { from, to }, given())
        break
      }
      case "dropoutMask":
        emit(node, "dropoutMask", attributes, given())
        break
      case "sum":
      case "max":
        emit(node, op, { axes: attributes.axes }, given())
        break
      case "matMul": {
        const { transposeA, transposeB } = attributes
        const [a, b] = given() as [View, View]
        emit(node, "matMul", {}, [matrix(turned(a, transposeA)), matrix(turned(b, transposeB))])
        break
      }
      case "layerNorm": {
        const [x, weight, bias] = given() as [View, View, View]
        emit(node, "layerNorm", attributes, [inRows(x), spoken(weight), spoken(bias)])
        break
      }
      case "layerNormGrad": {
        const [dy, x, weight, mean, rstd] = given() as [View, View, View, View, View]
        const [dx, ...rest] = outputs.map(result) as [View | null, View | null, View | null]
        const [d, t] = [inRows(dy), inRows(x)]
        if (dx) step("layerNormGrad", {}, [d, t, spoken(weight), mean, rstd], [dx])
        if (rest.some((view) => view !== null)) step("layerNormGradWeight", {}, [d, t, mean, rstd], rest)
        for (const [i, view] of [dx, ...rest].entries()) if (view) views.set(outputs[i] as ValueId, view)
        break
      }
      case "attention":
        emit(node, "attention", attributes, given().map(inRows))
        break
      case "attentionGrad": {
        const { scale } = attributes
        const [dc, q, k, v, context, logSumExp] = given().map(inRows) as [View, View, View, View, View, View]
        const [dq, dk, dv] = outputs.map(result) as [View | null, View | null, View | null]
        const delta = work(logSumExp.shape, "float32")
        step("attentionGradQuery", { scale }, [dc, q, k, v, context, logSumExp], [dq, delta])
        if (dk || dv) step("attentionGradKey", { scale }, [dc, q, k, v, logSumExp, delta], [dk, dv])
        for (const [i, view] of [dq, dk, dv].entries()) if (view) views.set(outputs[i] as ValueId, view)
        break
      }
      default:
        if (dense.has(op)) emit(node, op as StepName, attributes as Steps[StepName], given().map(solid))
        else if (rows.has(op)) emit(node, op as StepName, attributes as Steps[StepName], given().map(inRows))
        else if (late.sets.has(index)) {
          const inputs = given().map(lateOperand(shape))
          emit(node, op as StepName, attributes as Steps[StepName], inputs, late.sets.get(index))
        } else {
          const inputs = given().map((view) => broadcasted(view, shape))
          emit(node, op as StepName, attributes as Steps[StepName], inputs)
        }
    }
  }

  /** Operands of steps that write slots in place are whole tensors, or one number. */
  function lateOperand(shape: readonly number[]) {
    return (view: View): View => {
      if (isLiteral(view) || view.shape.every((size, i) => size === 1 || view.strides[i] === 0))
        return broadcasted(view, shape)
      return isDense(view) && view.offset % 4 === 0 ? view : copy(view)
    }
  }
  function turned(view: View, transpose: boolean): View {
    const rank = view.shape.length
    if (!transpose) return view
    return transposed(view, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2])
  }
  function matrix(view: View): View {
    const runs = !isLiteral(view) && (view.strides.at(-1) === 1 || view.strides.at(-2) === 1)
    return runs ? view : copy(view)
  }
  /** A vector that a kernel reads element by element. */
  function spoken(view: View): View {
    return isLiteral(view) || view.strides[0] === 1 || view.shape[0] === 1 ? view : copy(view)
  }
  function reshapedCopy(view: View, value: ValueId): View {
    return reshaped(copy(view), typeOf(value).shape) as View
  }

  const states = new Set(Object.keys(g.updates))
  /** A value that nothing overwrites before it is copied to where it is wanted, which may be another slot. */
  const final = (value: ValueId, toSlot: boolean): View => {
    const view = at(value)
    const { dtype, place, name } = tensors[view.tensor] as Tensor
    if (dtype === "float16") {
      const out = work(view.shape, "float32")
      step("copy", {}, [view], [out])
      return out
    }
    return place === "state" && (toSlot || states.has(name as string)) ? copy(view) : solid(view)
  }
  const inPlace = new Map<number, string[]>()
  const updated: Record<string, View> = {}
  for (const [name, value] of Object.entries(g.updates)) {
    const view = at(value)
    const { place, name: slot } = tensors[view.tensor] as Tensor
    if (place === "state" && slot === name && whole(view)) continue
    const slotType = g.values[g.states[name] ?? value] as Graph["values"][number]
    if (isLiteral(view) && slotType.dtype === "float32") {
      const out = work(view.shape, "float32")
      step("copy", {}, [view], [out], -1 - steps.length)
      inPlace.set(out.tensor, [name])
    } else if (late.values.has(value) && whole(view))
      inPlace.set(view.tensor, [...(inPlace.get(view.tensor) ?? []), name])
    else updated[name] = final(value, true)
  }
  const outputs = Object.fromEntries(Object.entries(g.outputs).map(([name, value]) => [name, final(value, false)]))
  return { tensors, steps, outputs, copies: updated, inPlace }
}

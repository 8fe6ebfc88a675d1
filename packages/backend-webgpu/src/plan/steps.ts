import { dimAt } from "@vitrine/core"
import { type BoundGraph, type GraphNode, type OpName, typeOf, type ValueId } from "@vitrine/core/backend"
import { StepBuilder } from "./builder.ts"
import { type Constants, leaf, type LeafOp } from "./leaves.ts"
import { type Late, lateNodes } from "./late.ts"
import type { Piece, PointwiseStep, Step } from "./step.ts"
import type { Tensor } from "./tensor.ts"
import { broadcasted, isLiteral, isWhole, matrixTransposed, sliced, transposed, type View } from "./view.ts"

/** A graph as steps on tensors in memory. Reshapes, transposes, slices and broadcasts have become views. */
export interface StepList {
  readonly tensors: Tensor[]
  readonly steps: readonly Step[]
  /** The results of the program. Each is a whole tensor. */
  readonly outputs: Readonly<Record<string, View>>
  /** Next values of slots. They are copied to the slots at the end. */
  readonly copies: Readonly<Record<string, View>>
  /** The slots that late steps write in place, by the tensor of the slot's next value. */
  readonly inPlace: ReadonlyMap<Tensor, readonly string[]>
}

/** Ops without a step. They are replaced by their decompositions. */
const decomposed = {
  adamW: true,
  groupNorm: true,
  groupNormGrad: true,
  linear: true,
  reluGrad: true,
  stopGradient: true,
} satisfies { readonly [Op in OpName]?: true }

/** Whether this backend supports an op without decomposing it. */
export const supports = (op: OpName): boolean => !Object.hasOwn(decomposed, op)

/**
 * The steps of a graph whose ops are all supported. `narrow` holds the values that are stored in float16. If it exists,
 * large constants are stored in float16 too.
 */
export function stepsOf(g: BoundGraph, constants: Constants, narrow: ReadonlySet<ValueId> | undefined): StepList {
  const builder = new StepBuilder(g, narrow ?? new Set())
  const late = lateNodes(g)
  for (const node of g.nodes)
    switch (node.op) {
      case "input":
      case "state":
      case "constant":
      case "full":
        builder.setView(node.outputs[0], leaf(builder, node, constants, narrow !== undefined))
        break
      default:
        addNode(builder, node, late)
    }
  return withResults(builder, late)
}

/** Adds the steps of a node. In each line copies of inputs come first, so the order of calls is the order of steps. */
function addNode(b: StepBuilder, node: Exclude<GraphNode, GraphNode<LeafOp>>, late: Late): void {
  const view = (value: ValueId): View => b.view(value)
  const result = (value: ValueId): View => b.result(value)
  const rows = (value: ValueId): View => b.rows(view(value))
  const whole = (value: ValueId): View => b.whole(view(value))
  const vector = (value: ValueId): View => b.vector(view(value))
  switch (node.op) {
    case "barrier":
      return b.setView(node.outputs[0], view(node.inputs[0]))
    case "reshape":
      return b.setView(node.outputs[0], b.reshaped(view(node.inputs[0]), b.typeOf(node.outputs[0]).shape))
    case "transpose":
      return b.setView(node.outputs[0], transposed(view(node.inputs[0]), node.attributes.permutation))
    case "broadcastTo":
      return b.setView(node.outputs[0], broadcasted(view(node.inputs[0]), b.typeOf(node.outputs[0]).shape))
    case "slice": {
      const { axis, start, end } = node.attributes
      return b.setView(node.outputs[0], sliced(view(node.inputs[0]), axis, start, end - start))
    }
    case "split": {
      const { axis, parts } = node.attributes
      const x = view(node.inputs[0])
      const size = dimAt(x.shape, axis) / parts
      for (const [i, part] of node.outputs.entries()) b.setView(part, sliced(x, axis, i * size, size))
      return
    }
    case "concat":
      return addConcat(b, node)
    case "pad": {
      const [x, y] = [view(node.inputs[0]), result(node.outputs[0])]
      const { axis, before, after } = node.attributes
      const end = before + dimAt(x.shape, axis)
      const pieces: Piece[] = [
        { end: before, from: null },
        { end, from: 0 },
        { end: end + after, from: null },
      ]
      return b.step({ op: "pieces", attributes: { axis, pieces }, inputs: [x], outputs: [y] })
    }
    case "cast": {
      const [from, to] = [typeOf(b.graph, node.inputs[0]).dtype, typeOf(b.graph, node.outputs[0]).dtype]
      const [x, y] = [view(node.inputs[0]), result(node.outputs[0])]
      return b.step({ op: "cast", attributes: { from, to }, inputs: [x], outputs: [y] })
    }
    case "dropoutMask": {
      const [key, mask] = [view(node.inputs[0]), result(node.outputs[0])]
      return b.step({ op: "dropoutMask", attributes: node.attributes, inputs: [key], outputs: [mask] })
    }
    case "sum":
    case "max": {
      const { axes } = node.attributes
      const [x, y] = [view(node.inputs[0]), result(node.outputs[0])]
      return b.step({ op: node.op, attributes: { axes }, inputs: [x], outputs: [y] })
    }
    case "matMul": {
      const { transposeA, transposeB } = node.attributes
      const [x, y] = [view(node.inputs[0]), view(node.inputs[1])]
      const [left, right] = [
        b.matrix(transposeA ? matrixTransposed(x) : x),
        b.matrix(transposeB ? matrixTransposed(y) : y),
      ]
      return b.step({ op: "matMul", attributes: {}, inputs: [left, right], outputs: [result(node.outputs[0])] })
    }
    case "softmax": {
      const [x, y] = [rows(node.inputs[0]), result(node.outputs[0])]
      return b.step({ op: "softmax", attributes: {}, inputs: [x], outputs: [y] })
    }
    case "softmaxGrad":
    case "softmaxCrossEntropy": {
      const [x, other, y] = [rows(node.inputs[0]), rows(node.inputs[1]), result(node.outputs[0])]
      return b.step({ op: node.op, attributes: {}, inputs: [x, other], outputs: [y] })
    }
    case "layerNorm": {
      const [x, weight, bias] = [rows(node.inputs[0]), vector(node.inputs[1]), vector(node.inputs[2])]
      const [y, mean, rstd] = [result(node.outputs[0]), result(node.outputs[1]), result(node.outputs[2])]
      const { attributes } = node
      return b.step({ op: "layerNorm", attributes, inputs: [x, weight, bias], outputs: [y, mean, rstd] })
    }
    case "layerNormGrad": {
      const [dx, dweight, dbias] = [result(node.outputs[0]), result(node.outputs[1]), result(node.outputs[2])]
      const [dy, x, weight] = [rows(node.inputs[0]), rows(node.inputs[1]), vector(node.inputs[2])]
      const [mean, rstd] = [view(node.inputs[3]), view(node.inputs[4])]
      b.step({ op: "layerNormGrad", attributes: {}, inputs: [dy, x, weight, mean, rstd], outputs: [dx] })
      const outputs = [dweight, dbias] as const
      return b.step({ op: "layerNormGradWeight", attributes: {}, inputs: [dy, x, mean, rstd], outputs })
    }
    case "attention": {
      const [q, k, v] = [rows(node.inputs[0]), rows(node.inputs[1]), rows(node.inputs[2])]
      const [context, logSumExp] = [result(node.outputs[0]), result(node.outputs[1])]
      const { attributes } = node
      return b.step({ op: "attention", attributes, inputs: [q, k, v], outputs: [context, logSumExp] })
    }
    case "attentionGrad":
      return addAttentionGrad(b, node)
    case "conv2d":
    case "conv2dInputGrad":
    case "conv2dWeightGrad": {
      const [x, other, y] = [whole(node.inputs[0]), whole(node.inputs[1]), result(node.outputs[0])]
      return b.step({ op: node.op, attributes: node.attributes, inputs: [x, other], outputs: [y] })
    }
    case "maxPool2d": {
      const [x, values, indices] = [whole(node.inputs[0]), result(node.outputs[0]), result(node.outputs[1])]
      return b.step({ op: "maxPool2d", attributes: node.attributes, inputs: [x], outputs: [values, indices] })
    }
    case "gather":
    case "scatterAdd": {
      const [x, indices, y] = [whole(node.inputs[0]), whole(node.inputs[1]), result(node.outputs[0])]
      return b.step({ op: node.op, attributes: {}, inputs: [x, indices], outputs: [y] })
    }
    case "adamW":
    case "groupNorm":
    case "groupNormGrad":
    case "linear":
    case "reluGrad":
    case "stopGradient":
      throw new Error(`${node.op} has no step`)
    default:
      return addArithmetic(b, node, late.sets.get(node))
  }
}

/** Adds the steps of a concatenation. Parts that are written in place need no step. */
function addConcat(b: StepBuilder, { inputs, outputs: [y], attributes: { axis } }: GraphNode<"concat">): void {
  const parts = inputs.map((value) => b.view(value))
  const holder = b.holder(y)
  let end = 0
  if (holder === undefined) {
    const pieces = parts.map(({ shape }, from): Piece => {
      end += dimAt(shape, axis)
      return { end, from }
    })
    return b.step({ op: "pieces", attributes: { axis, pieces }, inputs: parts, outputs: [b.result(y)] })
  }
  for (const part of parts) {
    const size = dimAt(part.shape, axis)
    const place = sliced(holder, axis, end, size)
    if (part.tensor !== holder.tensor) b.step({ op: "copy", attributes: {}, inputs: [part], outputs: [place] })
    end += size
  }
  b.setView(y, holder)
}

function addAttentionGrad(b: StepBuilder, { inputs, outputs, attributes }: GraphNode<"attentionGrad">): void {
  const rows = (value: ValueId): View => b.rows(b.view(value))
  const [dcontext, q, k] = [rows(inputs[0]), rows(inputs[1]), rows(inputs[2])]
  const [v, context, logSumExp] = [rows(inputs[3]), rows(inputs[4]), rows(inputs[5])]
  const [dq, dk, dv] = [b.result(outputs[0]), b.result(outputs[1]), b.result(outputs[2])]
  const delta = b.work(logSumExp.shape, "float32")
  b.step({
    op: "attentionGradQuery",
    attributes,
    inputs: [dcontext, q, k, v, context, logSumExp],
    outputs: [dq, delta],
  })
  b.step({ op: "attentionGradKey", attributes, inputs: [dcontext, q, k, v, logSumExp, delta], outputs: [dk, dv] })
}

type ArithmeticOp = Exclude<Extract<OpName, PointwiseStep["op"]>, "cast" | "dropoutMask">

/** @param set the index of the node's late set */
function addArithmetic(b: StepBuilder, node: GraphNode<ArithmeticOp>, set: number | undefined): void {
  const { shape } = b.typeOf(node.outputs[0])
  const operand = (value: ValueId): View =>
    set === undefined ? broadcasted(b.view(value), shape) : b.lateOperand(b.view(value), shape)
  const late = set === undefined ? {} : { late: set }
  switch (node.op) {
    case "where": {
      const [condition, x, z] = [operand(node.inputs[0]), operand(node.inputs[1]), operand(node.inputs[2])]
      const outputs = [b.result(node.outputs[0])] as const
      return b.step({ op: "where", attributes: {}, inputs: [condition, x, z], outputs, ...late })
    }
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "maximum":
    case "greater": {
      const [x, z, y] = [operand(node.inputs[0]), operand(node.inputs[1]), b.result(node.outputs[0])]
      return b.step({ op: node.op, attributes: {}, inputs: [x, z], outputs: [y], ...late })
    }
    case "geluGrad": {
      const [dy, x, dx] = [operand(node.inputs[0]), operand(node.inputs[1]), b.result(node.outputs[0])]
      return b.step({ op: "geluGrad", attributes: node.attributes, inputs: [dy, x], outputs: [dx], ...late })
    }
    case "gelu": {
      const [x, y] = [operand(node.inputs[0]), b.result(node.outputs[0])]
      return b.step({ op: "gelu", attributes: node.attributes, inputs: [x], outputs: [y], ...late })
    }
    default: {
      const [x, y] = [operand(node.inputs[0]), b.result(node.outputs[0])]
      return b.step({ op: node.op, attributes: {}, inputs: [x], outputs: [y], ...late })
    }
  }
}

/**
 * Finishes the list: the program's results become whole tensors, and next values of slots are copied or written in
 * place.
 */
function withResults(b: StepBuilder, late: Late): StepList {
  const { graph } = b
  const slots = new Set(Object.keys(graph.updates))
  const copied = (view: View, set?: number): View => {
    const y = b.work(view.shape, "float32")
    b.step({ op: "copy", attributes: {}, inputs: [view], outputs: [y], ...(set === undefined ? {} : { late: set }) })
    return y
  }
  /** A value that nothing overwrites before it is read. */
  const final = (view: View, isForSlot: boolean): View => {
    const { tensor } = view
    if (tensor.dtype === "float16") return copied(view)
    const isOverwritten = tensor.place === "state" && (isForSlot || slots.has(tensor.name))
    return isOverwritten ? b.copy(view) : b.whole(view)
  }
  const inPlace = new Map<Tensor, string[]>()
  const copies: Record<string, View> = {}
  for (const [name, value] of Object.entries(graph.updates)) {
    const view = b.view(value)
    const { tensor } = view
    if (tensor.place === "state" && tensor.name === name && isWhole(view)) continue
    const { dtype } = typeOf(graph, graph.states[name] ?? value)
    // A slot that is filled with one number becomes a separate late set with a negative index. Sets of nodes have
    // indices from 0 on.
    if (isLiteral(view) && dtype === "float32") inPlace.set(copied(view, -1 - b.steps.length).tensor, [name])
    else if (late.values.has(value) && isWhole(view)) inPlace.set(tensor, [...(inPlace.get(tensor) ?? []), name])
    else copies[name] = final(view, true)
  }
  const results = Object.entries(graph.outputs).map(([name, value]) => [name, final(b.view(value), false)] as const)
  return { tensors: b.tensors, steps: b.steps, outputs: Object.fromEntries(results), copies, inPlace }
}

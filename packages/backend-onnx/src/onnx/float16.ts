import { VitrineError } from "@vitrine/core"
import { float16Bits } from "@vitrine/core/backend"
import { isFileSlice } from "./encode.ts"
import { elementTypes, type Initializer, type OnnxModel, type OnnxNode } from "./model.ts"

/**
 * Operators that stay in float32: sums over many values, exponentials, roots, and masks, whose −1e30 exceeds float16.
 */
const sensitive: ReadonlySet<string> = new Set([
  "LayerNormalization",
  "Softmax",
  "LogSoftmax",
  "ReduceSum",
  "Exp",
  "Log",
  "Sqrt",
  "Where",
])
/** Operators that work element by element or move values, which stay in float32 before a sum and behind it. */
const besideSums: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Reshape", "Transpose", "Expand"])
/** Operators whose outputs are integers or bools. */
const otherOutputs: ReadonlySet<string> = new Set(["Shape", "Greater", "Less"])

/** The precision of a value: `other` for integers and bools. */
type Precision = "float32" | "float16" | "other"

/**
 * Converts a model to float16: it stores weights and computes in float16. LayerNorm, softmax, sums, inputs and outputs
 * stay in float32, and so do group norm and RMSNorm, whose sums of squares can exceed float16.
 * @throws VitrineError (backend) if weights are not in memory; (config) for a weight above 65504, which float16 cannot
 *   hold.
 */
export function toFloat16(model: OnnxModel): OnnxModel {
  const wide = wideNodes(model.nodes)
  const inputsOf = (isWide: boolean): ReadonlySet<string> =>
    new Set(model.nodes.flatMap((node) => (wide.has(node) === isWide ? node.inputs : [])))
  const [read16, read32] = [inputsOf(false), inputsOf(true)]
  const precision = new Map<string, Precision>()
  const initializers = model.initializers.map((each) => {
    const narrow = each.dtype === "float32" && read16.has(each.name) && !read32.has(each.name) ? halved(each) : each
    precision.set(each.name, narrow.dtype === "float32" || narrow.dtype === "float16" ? narrow.dtype : "other")
    return narrow
  })
  for (const { name, dtype } of model.inputs) precision.set(name, dtype === "float32" ? "float32" : "other")
  const outputTypes = new Map(model.outputs.map(({ name, dtype }) => [name, dtype]))

  const nodes: OnnxNode[] = []
  const casts = new Set<string>()
  /** The name of a value in a precision. Integers and bools keep their types. */
  const as = (name: string, target: "float32" | "float16"): string => {
    const source = precision.get(name)
    if (name === "" || source === "other" || source === target) return name
    const converted = `${name} ${target}`
    if (!casts.has(converted)) nodes.push(cast(name, converted, target))
    casts.add(converted)
    return converted
  }
  for (const node of model.nodes) {
    const computes = wide.has(node) ? "float32" : "float16"
    const ofIntegers = node.op !== "Where" && precision.get(node.inputs[0] ?? "") === "other"
    const gives: Precision =
      node.op === "Cast" ? castPrecision(node) : otherOutputs.has(node.op) || ofIntegers ? "other" : computes
    const inputs = node.op === "Cast" ? node.inputs : node.inputs.map((name) => as(name, computes))
    /** The model's outputs stay in float32, so a node computes under an inner name and a cast gives the output. */
    const inner = (name: string): string =>
      outputTypes.get(name) === "float32" && gives === "float16" ? `${name} float16` : name
    nodes.push({ ...node, inputs, outputs: node.outputs.map(inner) })
    for (const name of node.outputs) {
      precision.set(inner(name), gives)
      if (inner(name) === name) continue
      nodes.push(cast(inner(name), name, "float32"))
      precision.set(name, "float32")
    }
  }
  return { ...model, nodes, initializers }
}

/** The nodes that compute in float32. */
function wideNodes(nodes: readonly OnnxNode[]): ReadonlySet<OnnxNode> {
  const summed = new Set(nodes.flatMap(({ op, inputs }) => (op === "ReduceSum" ? inputs.slice(0, 1) : [])))
  const sums = new Set<string>()
  const wide = new Set<OnnxNode>()
  for (const node of nodes) {
    const { op, inputs, outputs } = node
    const ofSums = op === "ReduceSum" || inputs.some((name) => sums.has(name))
    const beside = besideSums.has(op) && (ofSums || outputs.some((name) => summed.has(name)))
    if (sensitive.has(op) || beside) wide.add(node)
    if (beside || (ofSums && sensitive.has(op))) for (const name of outputs) sums.add(name)
  }
  return wide
}

const cast = (input: string, output: string, to: "float32" | "float16"): OnnxNode => ({
  op: "Cast",
  domain: "",
  inputs: [input],
  outputs: [output],
  attributes: { to: elementTypes[to] },
})

function castPrecision({ attributes }: OnnxNode): Precision {
  const { to } = attributes
  return to === elementTypes.float32 ? "float32" : to === elementTypes.float16 ? "float16" : "other"
}

function halved(initializer: Initializer): Initializer {
  const { name, data } = initializer
  if (isFileSlice(data) || !(data instanceof Float32Array))
    throw new VitrineError("backend", `"${name}" is not in memory, so it cannot be written in float16`)
  return { ...initializer, dtype: "float16", data: float16Bits(data, name) }
}

import { float16Bits, VitrineError } from "@vitrine/core"
import { isFileSlice } from "./encode.ts"
import type { Initializer, OnnxModel, OnnxNode } from "./model.ts"

/** Sums over many values, exponentials and roots, and masks, whose −1e30 is no float16: they stay in float32. */
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
/** What gives no number with a fraction. */
const otherOutputs: ReadonlySet<string> = new Set(["Shape", "Greater", "Less"])

type Precision = "float32" | "float16" | "other"

const castTo = { float32: 1, float16: 10 } as const

/**
 * A model that holds its weights, and computes, in float16; LayerNorm, softmax and sums stay in float32, and so do
 * inputs and outputs.
 * @throws VitrineError (backend) for a model whose weights are not in memory; (config) for one above 65504, which float16 cannot hold.
 */
export function toFloat16(model: OnnxModel): OnnxModel {
  const read16 = new Set(model.nodes.flatMap(({ op, inputs }) => (sensitive.has(op) ? [] : inputs)))
  const precision = new Map<string, Precision>()
  const initializers = model.initializers.map((each) => {
    const made = each.dtype === "float32" && read16.has(each.name) ? halved(each) : each
    precision.set(each.name, made.dtype === "float32" || made.dtype === "float16" ? made.dtype : "other")
    return made
  })
  for (const { name, dtype } of model.inputs) precision.set(name, dtype === "float32" ? "float32" : "other")
  const returned = new Map(model.outputs.map(({ name, dtype }) => [name, dtype]))

  const nodes: OnnxNode[] = []
  const casts = new Map<string, string>()
  /** The name of a value in a precision; a value that is no number with a fraction has none. */
  const as = (name: string, wanted: "float32" | "float16"): string => {
    const held = precision.get(name)
    if (name === "" || held === "other" || held === wanted) return name
    const key = `${name} ${wanted}`
    const known = casts.get(key)
    if (known !== undefined) return known
    nodes.push(cast(name, key, wanted))
    casts.set(key, key)
    return key
  }
  for (const node of model.nodes) {
    const wanted = sensitive.has(node.op) ? "float32" : "float16"
    const shapes = node.op !== "Where" && precision.get(node.inputs[0] ?? "") === "other"
    const own: Precision =
      node.op === "Cast" ? castPrecision(node) : otherOutputs.has(node.op) || shapes ? "other" : wanted
    const inputs = node.op === "Cast" ? node.inputs : node.inputs.map((name) => as(name, wanted))
    const outputs = node.outputs.map((name) => {
      const inner = returned.get(name) === "float32" && own === "float16" ? `${name} float16` : name
      precision.set(inner, own)
      return inner
    })
    nodes.push({ ...node, inputs, outputs })
    node.outputs.forEach((name, i) => {
      if (outputs[i] === name) return
      nodes.push(cast(outputs[i] as string, name, "float32"))
      precision.set(name, "float32")
    })
  }
  return { ...model, nodes, initializers }
}

const cast = (from: string, to: string, wanted: "float32" | "float16"): OnnxNode => ({
  op: "Cast",
  domain: "",
  inputs: [from],
  outputs: [to],
  attributes: { to: castTo[wanted] },
})

function castPrecision({ attributes }: OnnxNode): Precision {
  return attributes["to"] === castTo.float32 ? "float32" : attributes["to"] === castTo.float16 ? "float16" : "other"
}

function halved(initializer: Initializer): Initializer {
  const { name, data } = initializer
  if (isFileSlice(data) || !(data instanceof Float32Array))
    throw new VitrineError("backend", `"${name}" is not in memory, so it cannot be written in float16`)
  return { ...initializer, dtype: "float16", data: float16Bits(data, name) }
}

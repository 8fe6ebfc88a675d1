import { isFileSlice } from "./encode.ts"
import { elementTypes, type Initializer, type OnnxModel, type OnnxNode } from "./model.ts"

/**
 * The largest magnitude of a weight. It has seven bits, not eight. Processors without VNNI add two products of an input
 * byte and a weight in 16 bits. With eight bits this sum would overflow, and results would differ between processors.
 */
const largest = 63

/**
 * Changes the linear layers of a model (Gemm with constant weights) so that they multiply integers. Weights become int8
 * with a scale for each output. Inputs become uint8 in each run, scaled by the range of the batch (dynamic
 * quantization). Everything else stays in float32.
 * @param keep whether a constant stays as it is.
 */
export function quantizeLinear(model: OnnxModel, keep: (name: string) => boolean = () => false): OnnxModel {
  const constants = new Map(model.initializers.map((each) => [each.name, each]))
  const added: Initializer[] = []
  const quantizedInputs = new Map<string, readonly [values: string, scale: string, zero: string]>()
  const nodes = model.nodes.flatMap((node): readonly OnnxNode[] => {
    const [x = "", weight = "", bias] = node.inputs
    const matrix = constants.get(weight)
    if (node.op !== "Gemm" || matrix === undefined || bias !== undefined || keep(weight)) return [node]
    const { transA = 0, transB = 0, alpha = { float: 1 } } = node.attributes
    if (transA !== 0 || transB !== 1 || isFileSlice(matrix.data) || !(matrix.data instanceof Float32Array))
      return [node]
    const [outputs = 0, inputs = 0] = matrix.shape
    const factor = typeof alpha === "object" && "float" in alpha ? alpha.float : 1
    const { values, scales } = quantizeRows(matrix.data, outputs, inputs, factor)
    const [weights, scale] = [`${weight} int8`, `${weight} scale`]
    added.push({ name: weights, shape: [inputs, outputs], dtype: "int8", data: values })
    added.push({ name: scale, shape: [outputs], dtype: "float32", data: scales })
    const shared = quantizedInputs.get(x)
    const quantized = shared ?? ([`${x} uint8`, `${x} scale`, `${x} zero`] as const)
    quantizedInputs.set(x, quantized)
    const [y = ""] = node.outputs
    const [product, unscaled, outputScale] = [`${y} int32`, `${y} unscaled`, `${y} scale`]
    const make = (op: string, from: readonly string[], to: readonly string[], attributes = {}): OnnxNode => ({
      op,
      domain: "",
      inputs: from,
      outputs: to,
      attributes,
    })
    return [
      ...(shared === undefined ? [make("DynamicQuantizeLinear", [x], quantized)] : []),
      make("MatMulInteger", [quantized[0], weights, quantized[2]], [product]),
      make("Cast", [product], [unscaled], { to: elementTypes.float32 }),
      make("Mul", [quantized[1], scale], [outputScale]),
      make("Mul", [unscaled, outputScale], [y]),
    ]
  })
  const read = new Set(nodes.flatMap(({ inputs }) => inputs))
  const initializers = [...model.initializers, ...added].filter(({ name }) => read.has(name))
  return { ...model, nodes, initializers }
}

/** Converts a matrix `[outputs, inputs]` to int8 `[inputs, outputs]`, with the scale of each output. */
function quantizeRows(
  matrix: Float32Array,
  outputs: number,
  inputs: number,
  alpha: number,
): { readonly values: Int8Array; readonly scales: Float32Array } {
  const values = new Int8Array(matrix.length)
  const scales = new Float32Array(outputs)
  for (let row = 0; row < outputs; row++) {
    const weights = matrix.subarray(row * inputs, (row + 1) * inputs)
    let top = 0
    for (const weight of weights) top = Math.max(top, Math.abs(weight))
    const step = top / largest || 1
    for (const [column, weight] of weights.entries()) values[column * outputs + row] = Math.round(weight / step)
    scales[row] = step * alpha
  }
  return { values, scales }
}

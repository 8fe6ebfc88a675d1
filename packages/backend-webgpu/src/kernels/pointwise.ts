import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { PointwiseStep, Step } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { hasOrderOf, type View } from "../plan/view.ts"
import { type FunctionName, use } from "./functions.ts"
import { elementIndex, f, flat, fold, type Kernel, lanesOf, Shader, u } from "./shader.ts"

/** Pointwise steps, and the results that are written to memory. */
export interface Pointwise {
  readonly steps: readonly PointwiseStep[]
  readonly writes: ReadonlySet<Tensor>
}

/** No steps: the view itself is written. */
export const written = ({ tensor }: View): Pointwise => ({ steps: [], writes: new Set([tensor]) })

/** The result of the last step. The results of all steps of a kernel have the same size. */
export function resultOf(steps: readonly PointwiseStep[]): View {
  const last = steps.at(-1)
  if (last === undefined) throw new Error("a kernel without a step")
  return last.outputs[0]
}

/** The ops of steps for a label, with a space before each. */
export const opsIn = (steps: readonly PointwiseStep[]): string => steps.map(({ op }) => ` ${op}`).join("")

/**
 * Whether a kernel of these steps can use vectors of four. The last vector may reach into the padding at a tensor's
 * end.
 */
function takesVectors({ steps, writes }: Pointwise): boolean {
  const size = elementCount(resultOf(steps).shape)
  const isWritten = ({ tensor }: View): boolean => writes.has(tensor)
  if (steps.some(({ outputs: [y] }) => isWritten(y) && lanesOf(y).kind === "apart")) return false
  if (size % 4 === 0) return true
  return (
    size > 1 &&
    steps.every(({ op, inputs, outputs: [y] }) => {
      const fits = (view: View): boolean => elementCount(view.shape) === 1 || lanesOf(view).kind !== "apart"
      return op !== "pieces" && (!isWritten(y) || elementCount(y.tensor.shape) === size) && inputs.every(fits)
    })
  )
}

/** The type of a value in registers: `B` for bools, `I` for int32, `T` for all others. */
const registerType = ({ dtype }: Tensor): "B" | "I" | "T" => (dtype === "bool" ? "B" : dtype === "int32" ? "I" : "T")

/** The value at index `at`, which counts elements, or vectors in a shader of vectors. */
export function read(shader: Shader, view: View, at: string): string {
  const { tensor } = view
  if (tensor.place === "literal") return `T(${f(tensor.value)})`
  const isBool = tensor.dtype === "bool"
  if (!shader.vector) {
    const text = shader.element(tensor, elementIndex(view, at))
    return isBool ? `bool(${text})` : text
  }
  const lanes = lanesOf(view)
  if (lanes.kind === "same") {
    const text = shader.element(tensor, lanes.index(at))
    return isBool ? `B(${text} != 0u)` : `${registerType(tensor)}(${text})`
  }
  if (lanes.kind === "together") {
    const text = shader.four(tensor, lanes.index(at))
    return isBool ? `B(${text})` : text
  }
  const elements = [0, 1, 2, 3].map((j) => shader.element(tensor, elementIndex(view, `(4u * ${at} + ${u(j)})`)))
  return `${registerType(tensor)}(${elements.map((text) => (isBool ? `${text} != 0u` : text)).join(", ")})`
}

/** A statement that writes `value` at index `at` of a view. The index counts as in `read`. */
function write(shader: Shader, view: View, at: string, value: string): string {
  const { tensor } = view
  const bits = tensor.dtype === "bool" ? `U(${value})` : value
  if (!shader.vector) return shader.store(tensor, false, elementIndex(view, at), bits)
  const lanes = lanesOf(view)
  if (lanes.kind === "together" || (lanes.kind === "same" && elementCount(view.shape) === 1))
    return shader.store(tensor, true, lanes.index(at), bits)
  throw new Error(`vectors cannot be written to [${view.shape}] with strides [${view.strides}]`)
}

/** Gives the text of an input's value. */
export type Reader = (view: View) => string

/**
 * Statements that compute steps at index `at`. `values` holds the texts of values in registers. The results of the
 * steps are added to it.
 */
export function evaluate(
  shader: Shader,
  { steps, writes }: Pointwise,
  at: string,
  values: Map<Tensor, string>,
  reader: Reader = (view) => read(shader, view, at),
): string[] {
  const lines: string[] = []
  for (const [i, step] of steps.entries()) {
    const [y] = step.outputs
    const name = `v${i}`
    const operand = (view: View): string => {
      const value = values.get(view.tensor)
      return value !== undefined && hasOrderOf(view, y) ? value : reader(view)
    }
    lines.push(`let ${name}: ${registerType(y.tensor)} = ${expression(shader, step, operand, at)};`)
    values.set(y.tensor, name)
    if (writes.has(y.tensor)) lines.push(write(shader, y, at, name))
  }
  return lines
}

const operators = { add: "+", sub: "-", mul: "*", div: "/", greater: ">" } as const
const functions = { log: "logOf", erf: "erf", sin: "sinOf", cos: "cosOf", tanh: "tanhOf", isFinite: "finite" } as const

/**
 * The expression of a step. It reads the operands in order, since bindings are numbered in the order of the first
 * reads.
 */
function expression(shader: Shader, step: PointwiseStep, operand: Reader, at: string): string {
  const call = (name: FunctionName, ...texts: string[]): string => `${use(shader, name)}(${texts.join(", ")})`
  switch (step.op) {
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "greater":
      return `${operand(step.inputs[0])} ${operators[step.op]} ${operand(step.inputs[1])}`
    case "maximum":
      return call("larger", operand(step.inputs[0]), operand(step.inputs[1]))
    case "where": {
      const [condition, a, b] = [operand(step.inputs[0]), operand(step.inputs[1]), operand(step.inputs[2])]
      return `select(${b}, ${a}, ${condition})`
    }
    case "neg":
      return `-(${operand(step.inputs[0])})`
    case "exp":
    case "sqrt":
      return `${step.op}(${operand(step.inputs[0])})`
    case "log":
    case "erf":
    case "sin":
    case "cos":
    case "tanh":
    case "isFinite":
      return call(functions[step.op], operand(step.inputs[0]))
    case "relu":
      return call("larger", operand(step.inputs[0]), "T(0)")
    case "gelu":
      return call(step.attributes.approximate ? "geluTanh" : "gelu", operand(step.inputs[0]))
    case "geluGrad": {
      const [dy, x] = [operand(step.inputs[0]), operand(step.inputs[1])]
      return `${dy} * ${call(step.attributes.approximate ? "geluTanhSlope" : "geluSlope", x)}`
    }
    case "cast":
      return cast(shader, step, operand(step.inputs[0]))
    case "copy":
      return operand(step.inputs[0])
    case "pieces":
      return piece(shader, step, at)
    case "dropoutMask":
      // The key's binding needs the width of the other operands' bindings.
      operand(step.inputs[0])
      return mask(shader, step, at)
  }
}

function cast(shader: Shader, { attributes: { from, to } }: Step<"cast">, x: string): string {
  if (to === "float16") return `${use(shader, "toFloat16")}(${x})`
  if (to === "bfloat16") return `${use(shader, "toBfloat16")}(${x})`
  if (to === "int32") return from === "int32" ? x : `I(${x})`
  if (to === "bool") return from === "bool" ? x : `${x} != ${from === "int32" ? "I" : "T"}(0)`
  return from === "int32" || from === "bool" ? `T(${x})` : x
}

/** One element of a concatenation, as a function of its index. A vector is made from four calls. */
function piece(
  shader: Shader,
  { attributes: { axis, pieces }, inputs, outputs: [y] }: Step<"pieces">,
  at: string,
): string {
  const { dtype } = y.tensor
  const type = dtype === "bool" ? "u32" : dtype === "int32" ? "i32" : "f32"
  const inner = elementCount(y.shape.slice(axis + 1))
  const size = dimAt(y.shape, axis)
  let start = 0
  const cases = pieces.map(({ end, from }) => {
    const [width, shift] = [end - start, start]
    start = end
    const view = from === null ? undefined : inputs[from]
    if (view === undefined) return `if (c < ${u(end)}) { return ${type}(0); }`
    const { tensor } = view
    const place = `((o * ${u(width)} + (c - ${u(shift)})) * ${u(inner)} + n)`
    const value = tensor.place === "literal" ? f(tensor.value) : shader.element(tensor, elementIndex(view, place))
    return `if (c < ${u(end)}) { return ${value}; }`
  })
  const name = shader.unused("piece")
  shader.function(
    name,
    `fn ${name}(e: u32) -> ${type} {
  let o = e / ${u(size * inner)}; let c = (e / ${u(inner)}) % ${u(size)}; let n = e % ${u(inner)};
  ${cases.join("\n  ")}
  return ${type}(0);
}`,
  )
  const parts = shader.vector ? [0, 1, 2, 3].map((j) => `${name}(4u * ${at} + ${u(j)})`) : [`${name}(${at})`]
  const values = dtype === "bool" ? parts.map((part) => `${part} != 0u`) : parts
  return `${registerType(y.tensor)}(${values.join(", ")})`
}

/** FNV-1a, the hash with which core folds a name into a key. */
function hash(name: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** `dropoutMask` of @vitrine/core. An element needs 16 bits, so one call of the generator is enough for four. */
function mask(shader: Shader, { attributes, inputs: [key] }: Step<"dropoutMask">, at: string): string {
  use(shader, "threefry")
  const { path, rate } = attributes
  const stride = dimAt(key.strides, 0)
  const word = (i: number): string => `bitcast<u32>(${shader.element(key.tensor, u(key.offset + i * stride))})`
  const name = shader.unused("mask")
  shader.function(
    name,
    `fn ${name}(e: u32) -> vec4<f32> {
  let key = threefry(vec2<u32>(${word(0)}, ${word(1)}), vec2<u32>(${u(hash(path))}, ${u(path.length)}));
  let words = threefry(key, vec2<u32>(0u, e));
  let bits = vec4<u32>(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
  return select(vec4<f32>(${f(1 / (1 - rate))}), vec4<f32>(0), bits < vec4<u32>(${u(Math.round(rate * 2 ** 16))}));
}`,
  )
  return shader.vector ? `${name}(${at})` : `${name}((${at}) / 4u)[(${at}) % 4u]`
}

/** A kernel with one thread for each element or each four elements, and 256 threads in a workgroup. */
export function pointwiseKernel(group: Pointwise): Kernel {
  const { steps } = group
  const { shape } = resultOf(steps)
  const vector = takesVectors(group)
  const shader = new Shader(vector)
  const count = vector ? Math.ceil(elementCount(shape) / 4) : elementCount(shape)
  const lines = evaluate(shader, group, "i", new Map())
  const code = shader.text(
    256,
    `let i = ${flat} * 256u + local;
if (i >= ${u(count)}) { return; }
${lines.join("\n")}`,
  )
  return {
    label: `${steps.map(({ op }) => op).join(" ")} [${shape.join(", ")}]`,
    code,
    bindings: shader.bindings,
    grid: fold(Math.ceil(count / 256)),
  }
}

/**
 * Adds a function `store(i, x)`, which a kernel calls with its value at index `i`. The function computes the steps
 * `after` and writes.
 */
export function storing(shader: Shader, result: View, after: Pointwise, name: string = "store"): string {
  const lines = after.writes.has(result.tensor) ? [write(shader, result, "i", "x")] : []
  lines.push(...evaluate(shader, after, "i", new Map([[result.tensor, "x"]])))
  return shader.function(name, `fn ${name}(i: u32, x: T) {\n${lines.join("\n")}\n}`)
}

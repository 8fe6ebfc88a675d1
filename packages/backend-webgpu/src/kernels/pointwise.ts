import type { Step, Steps } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { isDense, sizeOf, type View } from "../plan/view.ts"
import { use } from "./functions.ts"
import { elementIndex, f, flat, fold, type Kernel, lanesOf, Shader, u } from "./shader.ts"

/** Steps that are computed point by point, and which of their results are written. */
export interface Pointwise {
  readonly steps: readonly Step[]
  readonly writes: ReadonlySet<number>
}

type Tensors = readonly Tensor[]

/** The result of the last step, which is as large as all of them. */
export const resultOf = (steps: readonly Step[]): View => (steps.at(-1) as Step).outputs[0] as View

/** Whether whole vectors of four fit: the last one may reach into the padding that ends a tensor. */
function takesVectors(tensors: Tensors, { steps, writes }: Pointwise): boolean {
  const size = sizeOf(resultOf(steps).shape)
  const apart = (view: View | null): boolean =>
    view !== null && writes.has(view.tensor) && lanesOf(view).kind === "apart"
  if (steps.some(({ outputs }) => outputs.some(apart))) return false
  if (size % 4 === 0) return true
  const whole = (view: View | null): boolean =>
    view === null || !writes.has(view.tensor) || sizeOf((tensors[view.tensor] as Tensor).shape) === size
  return (
    size > 1 &&
    steps.every(
      ({ op, inputs, outputs }) =>
        op !== "pieces" &&
        outputs.every(whole) &&
        inputs.every((view) => sizeOf(view.shape) === 1 || lanesOf(view).kind !== "apart"),
    )
  )
}

/** The value at number `at`, counted in elements or, in a shader of vectors, in vectors. */
export function read(shader: Shader, tensors: Tensors, view: View, at: string): string {
  const { dtype, place, value } = tensors[view.tensor] as Tensor
  if (place === "literal") return `T(${f(value as number)})`
  const wide = (text: string): string =>
    dtype === "bool" ? `B(${text})` : dtype === "int32" ? `I(${text})` : `T(${text})`
  if (!shader.vector) {
    const text = shader.element(view.tensor, elementIndex(view, at))
    return dtype === "bool" ? `bool(${text})` : text
  }
  const lanes = lanesOf(view)
  if (lanes.kind === "same") {
    const text = shader.element(view.tensor, lanes.index(at))
    return dtype === "bool" ? `B(${text} != 0u)` : wide(text)
  }
  if (lanes.kind === "together") {
    const text = shader.four(view.tensor, lanes.index(at))
    return dtype === "bool" ? `B(${text})` : text
  }
  const each = [0, 1, 2, 3].map((j) => shader.element(view.tensor, elementIndex(view, `(4u * ${at} + ${u(j)})`)))
  return dtype === "bool" ? `B(${each.map((text) => `${text} != 0u`).join(", ")})` : wide(each.join(", "))
}

/** Writes `value` to number `at` of a view, which is dense from 0 on unless elements are written one by one. */
export function write(shader: Shader, tensors: Tensors, view: View, at: string, value: string): string {
  const { dtype } = tensors[view.tensor] as Tensor
  const bits = dtype === "bool" ? `U(${value})` : value
  if (!shader.vector) return shader.store(view.tensor, false, elementIndex(view, at), bits)
  const lanes = lanesOf(view)
  if (lanes.kind === "together" || (lanes.kind === "same" && sizeOf(view.shape) === 1))
    return shader.store(view.tensor, true, lanes.index(at), bits)
  throw new Error(`vectors cannot be written to ${JSON.stringify(view)}`)
}

/** The statements that compute the steps at number `at`; `values` holds what is known and takes what they make. */
export function evaluate(
  shader: Shader,
  tensors: Tensors,
  { steps, writes }: Pointwise,
  at: string,
  values: Map<number, string>,
  reader: Reader = (view) => read(shader, tensors, view, at),
): string[] {
  const lines: string[] = []
  for (const [i, step] of steps.entries()) {
    const out = step.outputs[0] as View
    const { dtype } = tensors[out.tensor] as Tensor
    const name = `v${i}`
    const type = dtype === "bool" ? "B" : dtype === "int32" ? "I" : "T"
    const args = step.op === "pieces" ? [] : step.inputs.map((view) => argument(view, out, values, reader))
    lines.push(`let ${name}: ${type} = ${apply(shader, tensors, step, args, at)};`)
    values.set(out.tensor, name)
    if (writes.has(out.tensor)) lines.push(write(shader, tensors, out, at, name))
  }
  return lines
}

/** The text of an input's value. */
export type Reader = (view: View) => string

function argument(view: View, out: View, values: ReadonlyMap<number, string>, reader: Reader): string {
  const known = values.get(view.tensor)
  return known !== undefined && isSame(view, out) ? known : reader(view)
}

/** Whether a view is a whole tensor in order, as large as `out`. */
export function isSame(view: View, out: View): boolean {
  return view.offset === 0 && sizeOf(view.shape) === sizeOf(out.shape) && isDense(view)
}

function apply(shader: Shader, tensors: Tensors, step: Step, args: readonly string[], at: string): string {
  const [a, b, c] = args as [string, string, string]
  const call = (name: Parameters<typeof use>[1], ...given: string[]): string =>
    `${use(shader, name)}(${given.join(", ")})`
  switch (step.op) {
    case "add":
      return `${a} + ${b}`
    case "sub":
      return `${a} - ${b}`
    case "mul":
      return `${a} * ${b}`
    case "div":
      return `${a} / ${b}`
    case "maximum":
      return call("larger", a, b)
    case "greater":
      return `${a} > ${b}`
    case "where":
      return `select(${c}, ${b}, ${a})`
    case "neg":
      return `-(${a})`
    case "log":
      return call("logOf", a)
    case "exp":
    case "sqrt":
      return `${step.op}(${a})`
    case "erf":
      return call("erf", a)
    case "tanh":
      return call("tanhOf", a)
    case "isFinite":
      return call("finite", a)
    case "relu":
      return call("larger", a, "T(0)")
    case "gelu":
      return call((step.attributes as Steps["gelu"]).approximate ? "geluTanh" : "gelu", a)
    case "geluGrad":
      return `${a} * ${call((step.attributes as Steps["geluGrad"]).approximate ? "geluTanhSlope" : "geluSlope", b)}`
    case "cast":
      return cast(shader, step.attributes as Steps["cast"], a)
    case "copy":
      return a
    case "pieces":
      return pieces(shader, tensors, step as Step<"pieces">, at)
    case "dropoutMask":
      return mask(shader, step as Step<"dropoutMask">, at)
    default:
      throw new Error(`${step.op} is not computed point by point`)
  }
}

function cast(shader: Shader, { from, to }: Steps["cast"], x: string): string {
  if (to === "float16") return `${use(shader, "toFloat16")}(${x})`
  if (to === "bfloat16") return `${use(shader, "toBfloat16")}(${x})`
  if (to === "int32") return from === "int32" ? x : `I(${x})`
  if (to === "bool") return from === "bool" ? x : `${x} != ${from === "int32" ? "I" : "T"}(0)`
  return from === "int32" || from === "bool" ? `T(${x})` : x
}

/** One element of a concatenation, by a function of its number; vectors are put together from four. */
function pieces(shader: Shader, tensors: Tensors, { attributes, inputs, outputs }: Step<"pieces">, at: string): string {
  const out = outputs[0] as View
  const { axis } = attributes
  const { dtype } = tensors[out.tensor] as Tensor
  const type = dtype === "bool" ? "u32" : dtype === "int32" ? "i32" : "f32"
  const outer = sizeOf(out.shape.slice(0, axis))
  const inner = sizeOf(out.shape.slice(axis + 1))
  const size = out.shape[axis] as number
  let start = 0
  const cases = attributes.pieces.map(({ end, from }) => {
    const width = end - start
    const shift = start
    start = end
    if (from === null) return `if (c < ${u(end)}) { return ${type}(0); }`
    const view = inputs[from] as View
    const place = `((o * ${u(width)} + (c - ${u(shift)})) * ${u(inner)} + n)`
    const { place: where, value } = tensors[view.tensor] as Tensor
    const text = where === "literal" ? f(value as number) : shader.element(view.tensor, elementIndex(view, place))
    return `if (c < ${u(end)}) { return ${text}; }`
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
  if (outer * size * inner !== sizeOf(out.shape)) throw new Error("pieces do not fill their result")
  const parts = shader.vector ? [0, 1, 2, 3].map((j) => `${name}(4u * ${at} + ${u(j)})`) : [`${name}(${at})`]
  if (dtype === "bool") return `B(${parts.map((part) => `${part} != 0u`).join(", ")})`
  return `${dtype === "int32" ? "I" : "T"}(${parts.join(", ")})`
}

/** FNV-1a, by which `fold` takes a name into a key. */
function hash(name: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** `dropoutMask` of @vitrine/core: 16 bits an element, so that one call of the generator makes four. */
function mask(shader: Shader, { attributes, inputs }: Step<"dropoutMask">, at: string): string {
  use(shader, "threefry")
  const { path, rate } = attributes
  const key = inputs[0] as View
  const word = (i: number): string =>
    `bitcast<u32>(${shader.element(key.tensor, u(key.offset + i * (key.strides[0] as number)))})`
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

/** One thread an element, or four: 256 threads a workgroup. */
export function pointwiseKernel(tensors: Tensors, group: Pointwise): Kernel {
  const { steps } = group
  const { shape } = resultOf(steps)
  const vector = takesVectors(tensors, group)
  const shader = new Shader(tensors, vector)
  const count = vector ? Math.ceil(sizeOf(shape) / 4) : sizeOf(shape)
  const lines = evaluate(shader, tensors, group, "i", new Map())
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

/** A function `store(i, x)` that goes on with value number `i` of a kernel's result, and writes what is to be written. */
export function storing(
  shader: Shader,
  tensors: Tensors,
  result: View,
  after: Pointwise,
  name: string = "store",
): string {
  const lines = after.writes.has(result.tensor) ? [write(shader, tensors, result, "i", "x")] : []
  lines.push(...evaluate(shader, tensors, after, "i", new Map([[result.tensor, "x"]])))
  return shader.function(name, `fn ${name}(i: u32, x: T) {\n${lines.join("\n")}\n}`)
}

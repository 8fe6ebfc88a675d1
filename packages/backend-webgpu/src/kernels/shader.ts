import type { StoredDType, Tensor } from "../plan/tensor.ts"
import { type Axis, type Layout, merged } from "../plan/view.ts"

/** A tensor that a kernel reads or writes. */
export interface Binding {
  readonly tensor: Tensor
  readonly access: "read" | "write"
}

/** One kernel and its tensors. It does not depend on the places of the tensors in memory. */
export interface Kernel {
  /** Ops and shapes, for people to read. */
  readonly label: string
  readonly code: string
  readonly bindings: readonly Binding[]
  /** The number of workgroups in each dimension. */
  readonly grid: readonly [number, number, number]
}

const scalarTypes: Readonly<Record<StoredDType, string>> = { float32: "f32", float16: "f16", int32: "i32", bool: "u32" }

/**
 * A function that stores float32 as float16. Values that are too large become infinite. The devices' own conversions
 * may give other values.
 */
const narrowing = (type: "f32" | "vec4<f32>"): string => {
  const [name, bits, narrow] = type === "f32" ? ["narrow", "u32", "f16"] : ["narrow4", "vec4<u32>", "vec4<f16>"]
  return `fn ${name}(x: ${type}) -> ${narrow} {
  let infinite = bitcast<${type}>((bitcast<${bits}>(x) & ${bits}(0x80000000u)) | ${bits}(0x7f800000u));
  return ${narrow}(select(x, infinite, abs(x) >= ${type}(65520.0)));
}`
}

/** An unsigned number as text. */
export const u = (n: number): string => `${n}u`

/** A float32 as text. */
export function f(value: number): string {
  const text = String(Math.fround(value))
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`
}

/** A binding as a variable of the text: its name, and whether its elements are vectors of four. */
interface Variable extends Binding {
  readonly name: string
  readonly vector: boolean
}

/** Converts a value that is stored in float16, since kernels compute in float32. */
const wide = (dtype: StoredDType, type: string, text: string): string =>
  dtype === "float16" ? `${type}(${text})` : text

/**
 * Collects the parts of one kernel's WGSL: its bindings, its functions and its main function. `T` is the type of the
 * values, `f32` or `vec4<f32>`. `B`, `I` and `U` are bools and integers of the same width.
 */
export class Shader {
  readonly vector: boolean
  readonly #variables: Variable[] = []
  readonly #functions = new Map<string, string>()
  readonly #globals = new Set<string>()
  #subgroups = false

  constructor(vector: boolean) {
    this.vector = vector
  }

  #bind(tensor: Tensor, access: Binding["access"], vector: boolean): Variable {
    const bound = this.#variables.find((variable) => variable.tensor === tensor && variable.access === access)
    if (bound) return bound
    const variable = { tensor, access, vector, name: `${access === "read" ? "x" : "y"}${this.#variables.length}` }
    this.#variables.push(variable)
    return variable
  }

  /** One element, as `f32`, `i32` or `u32`. */
  element(tensor: Tensor, index: string): string {
    const { dtype } = tensor
    const { name, vector } = this.#bind(tensor, "read", false)
    return wide(dtype, "f32", vector ? `${name}[(${index}) / 4u][(${index}) % 4u]` : `${name}[${index}]`)
  }

  /** Four elements that begin at `4 · index`. */
  four(tensor: Tensor, index: string): string {
    const { dtype } = tensor
    const { name, vector } = this.#bind(tensor, "read", true)
    if (vector) return wide(dtype, "vec4<f32>", `${name}[${index}]`)
    const elements = [0, 1, 2, 3].map((j) => wide(dtype, "f32", `${name}[4u * (${index}) + ${u(j)}]`))
    return `vec4<${dtype === "float16" ? "f32" : scalarTypes[dtype]}>(${elements.join(", ")})`
  }

  /**
   * A statement that stores an element or a vector of four at an index. All stores to one tensor must have the same
   * width.
   */
  store(tensor: Tensor, vector: boolean, index: string, value: string): string {
    const { name } = this.#bind(tensor, "write", vector)
    if (tensor.dtype !== "float16") return `${name}[${index}] = ${value};`
    const narrow = vector ? this.function("narrow4", narrowing("vec4<f32>")) : this.function("narrow", narrowing("f32"))
    return `${name}[${index}] = ${narrow}(${value});`
  }

  /** Adds a function and returns its name. */
  function(name: string, text: string): string {
    this.#functions.set(name, text)
    return name
  }

  /** A unique name for a function. It does not depend on the kernel's tensors. */
  unused(name: string): string {
    return `${name}${this.#functions.size}`
  }

  global(text: string): void {
    this.#globals.add(text)
  }

  /** Enables subgroups in the text, and returns the name of a built-in function of subgroups. */
  subgroup(name: "subgroupShuffleXor" | "quadBroadcast"): string {
    this.#subgroups = true
    return name
  }

  get bindings(): readonly Binding[] {
    return this.#variables.map(({ tensor, access }) => ({ tensor, access }))
  }

  /** The whole text. `body` may use `group`, `groups` and `local`, the index of the thread in its workgroup. */
  text(threads: number, body: string): string {
    const t = this.vector ? ["vec4<f32>", "vec4<bool>", "vec4<i32>", "vec4<u32>"] : ["f32", "bool", "i32", "u32"]
    const aliases = ["T", "B", "I", "U"].map((name, i) => `alias ${name} = ${t[i]};`)
    const bindings = this.#variables.map(({ name, tensor: { dtype }, access, vector }, i) => {
      const element = vector ? `vec4<${scalarTypes[dtype]}>` : scalarTypes[dtype]
      const mode = access === "read" ? "read" : "read_write"
      return `@group(0) @binding(${i}) var<storage, ${mode}> ${name}: array<${element}>;`
    })
    return [
      ...(this.#variables.some(({ tensor }) => tensor.dtype === "float16") ? ["enable f16;"] : []),
      ...(this.#subgroups ? ["enable subgroups;"] : []),
      ...aliases,
      ...bindings,
      ...this.#globals,
      ...this.#functions.values(),
      `@compute @workgroup_size(${threads})`,
      "fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,",
      "  @builtin(local_invocation_index) local: u32) {",
      body,
      "}",
    ].join("\n")
  }
}

/** The grid for a number of workgroups. It has two dimensions if one is too small. */
export function fold(groups: number): [number, number, number] {
  const most = 65535
  if (groups <= most) return [groups, 1, 1]
  const rows = Math.ceil(groups / most)
  return [Math.ceil(groups / rows), rows, 1]
}

/** The index of a workgroup in a grid from `fold`. */
export const flat = "(group.y * groups.x + group.x)"

/** The position of the element with index `at`, from the strides of the axes. */
function walk(axes: readonly Axis[], offset: number, at: string): string {
  const terms: string[] = []
  let inner = axes.reduce((n, { size }) => n * size, 1)
  for (const [i, { size, stride }] of axes.entries()) {
    inner /= size
    if (stride === 0) continue
    const divided = inner === 1 ? at : `${at} / ${u(inner)}`
    const coordinate = i === 0 ? divided : `${inner === 1 ? at : `(${divided})`} % ${u(size)}`
    if (stride !== 1) terms.push(`(${coordinate}) * ${u(stride)}`)
    else terms.push(axes.length === 1 ? coordinate : `(${coordinate})`)
  }
  if (offset > 0 || terms.length === 0) terms.push(u(offset))
  const sum = terms.join(" + ")
  return terms.length === 1 ? sum : `(${sum})`
}

/** The position of the element with index `at` of a layout, counted row by row. */
export const elementIndex = (layout: Layout, at: string): string => walk(merged(layout), layout.offset, at)

/**
 * The arrangement in memory of the elements `4 i` to `4 i + 3` of a layout, for every `i`: a vector, one repeated
 * element, or any places.
 */
export type Lanes =
  | { readonly kind: "together"; readonly index: (at: string) => string }
  | { readonly kind: "same"; readonly index: (at: string) => string }
  | { readonly kind: "apart" }

export function lanesOf(layout: Layout): Lanes {
  const { offset } = layout
  const axes = merged(layout)
  const last = axes.at(-1)
  if (last === undefined || axes.every(({ stride }) => stride === 0)) return { kind: "same", index: () => u(offset) }
  // The end of a dense tensor is padded to a whole vector.
  const dense = axes.length === 1 && last.stride === 1
  if (!dense && last.size % 4 !== 0) return { kind: "apart" }
  const quarter = { size: Math.ceil(last.size / 4), stride: last.stride }
  const outer = axes.slice(0, -1)
  if (last.stride === 0) return { kind: "same", index: (at) => walk([...outer, quarter], offset, at) }
  if (last.stride !== 1 || offset % 4 !== 0 || outer.some(({ stride }) => stride % 4 !== 0)) return { kind: "apart" }
  const quarters = [...outer.map(({ size, stride }) => ({ size, stride: stride / 4 })), quarter]
  return { kind: "together", index: (at) => walk(quarters, offset / 4, at) }
}

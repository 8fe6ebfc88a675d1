import type { Stored, Tensor } from "../plan/tensor.ts"
import { merged, type View } from "../plan/view.ts"

/** What a kernel is given in a binding. */
export interface Binding {
  readonly tensor: number
  readonly access: "read" | "write"
}

/** One dispatch, before anything is known of memory. */
export interface Kernel {
  /** What it computes and on what shapes, for people. */
  readonly label: string
  readonly code: string
  readonly bindings: readonly Binding[]
  /** Workgroups. */
  readonly grid: readonly [number, number, number]
}

const scalarTypes: Readonly<Record<Stored, string>> = { float32: "f32", float16: "f16", int32: "i32", bool: "u32" }

/** Where a value is too large for float16 it becomes infinite; what a device's conversion makes of it is its own affair. */
const narrowing = (type: "f32" | "vec4<f32>"): string => {
  const [name, bits, narrow] = type === "f32" ? ["narrow", "u32", "f16"] : ["narrow4", "vec4<u32>", "vec4<f16>"]
  return `fn ${name}(x: ${type}) -> ${narrow} {
  let infinite = bitcast<${type}>((bitcast<${bits}>(x) & ${bits}(0x80000000u)) | ${bits}(0x7f800000u));
  return ${narrow}(select(x, infinite, abs(x) >= ${type}(65520.0)));
}`
}

/** The text of an unsigned number. */
export const u = (n: number): string => `${n}u`

/** The text of a float32. */
export function f(value: number): string {
  const text = String(Math.fround(value))
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`
}

interface Bound extends Binding {
  readonly name: string
  readonly dtype: Stored
  readonly vector: boolean
}

/** float16 is how values are stored; what is computed with them is float32. */
const wide = (dtype: Stored, type: string, text: string): string => (dtype === "float16" ? `${type}(${text})` : text)

/**
 * Collects what one kernel's WGSL is made of: its bindings, the functions it calls, and its main function. `T` is the
 * type of the values that it works on, `f32` or `vec4<f32>`, with `B` and `I` as wide. Tensors are numbers in `tensors`.
 */
export class Shader {
  readonly vector: boolean
  readonly #tensors: readonly Tensor[]
  readonly #bound: Bound[] = []
  readonly #functions = new Map<string, string>()
  readonly #globals = new Set<string>()
  #subgroups = false

  constructor(tensors: readonly Tensor[], vector: boolean) {
    this.#tensors = tensors
    this.vector = vector
  }

  #bind(tensor: number, access: Binding["access"], vector: boolean): Bound {
    const known = this.#bound.find((each) => each.tensor === tensor && each.access === access)
    if (known) return known
    const { dtype } = this.#tensors[tensor] as Tensor
    const made = { tensor, dtype, access, vector, name: `${access === "read" ? "x" : "y"}${this.#bound.length}` }
    this.#bound.push(made)
    return made
  }

  /** One element, as `f32`, `i32` or `u32`. */
  element(tensor: number, index: string): string {
    const { name, dtype, vector } = this.#bind(tensor, "read", false)
    return wide(dtype, "f32", vector ? `${name}[(${index}) / 4u][(${index}) % 4u]` : `${name}[${index}]`)
  }

  /** Four elements that begin at `4 · index`. */
  four(tensor: number, index: string): string {
    const { name, dtype, vector } = this.#bind(tensor, "read", true)
    if (vector) return wide(dtype, "vec4<f32>", `${name}[${index}]`)
    const each = [0, 1, 2, 3].map((j) => wide(dtype, "f32", `${name}[4u * (${index}) + ${u(j)}]`))
    return `vec4<${dtype === "float16" ? "f32" : scalarTypes[dtype]}>(${each.join(", ")})`
  }

  /** A statement that stores number `index`, of elements or vectors of four; all stores to one tensor are of one width. */
  store(tensor: number, vector: boolean, index: string, value: string): string {
    const { name, dtype } = this.#bind(tensor, "write", vector)
    if (dtype !== "float16") return `${name}[${index}] = ${value};`
    const narrow = vector ? this.function("narrow4", narrowing("vec4<f32>")) : this.function("narrow", narrowing("f32"))
    return `${name}[${index}] = ${narrow}(${value});`
  }

  /** Adds a function, unless it is there already. */
  function(name: string, text: string): string {
    this.#functions.set(name, text)
    return name
  }

  /** A name for a function that no other has, and that does not depend on which tensors it is for. */
  unused(name: string): string {
    return `${name}${this.#functions.size}`
  }

  global(text: string): void {
    this.#globals.add(text)
  }

  /** A function of subgroups, which the shader asks for then. */
  subgroup(name: "subgroupShuffleXor" | "quadBroadcast"): string {
    this.#subgroups = true
    return name
  }

  get bindings(): readonly Binding[] {
    return this.#bound.map(({ tensor, access }) => ({ tensor, access }))
  }

  /** The whole text; `body` may use `group`, `groups`, `local` (its number in the workgroup) and `global`. */
  text(threads: number, body: string): string {
    const t = this.vector ? ["vec4<f32>", "vec4<bool>", "vec4<i32>", "vec4<u32>"] : ["f32", "bool", "i32", "u32"]
    const aliases = ["T", "B", "I", "U"].map((name, i) => `alias ${name} = ${t[i]};`)
    const bindings = this.#bound.map(({ name, dtype, access, vector }, i) => {
      const element = vector ? `vec4<${scalarTypes[dtype]}>` : scalarTypes[dtype]
      const mode = access === "read" ? "read" : "read_write"
      return `@group(0) @binding(${i}) var<storage, ${mode}> ${name}: array<${element}>;`
    })
    return [
      ...(this.#bound.some(({ dtype }) => dtype === "float16") ? ["enable f16;"] : []),
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

/** Workgroups in a row, folded where a dimension may not hold them all; `flat` is their number in a shader. */
export function fold(groups: number): [number, number, number] {
  const most = 65535
  if (groups <= most) return [groups, 1, 1]
  const rows = Math.ceil(groups / most)
  return [Math.ceil(groups / rows), rows, 1]
}

export const flat = "(group.y * groups.x + group.x)"

interface Walked {
  readonly size: number
  readonly step: number
}

/** Where element number `at` of a shape lies, given the steps of its axes. */
function walk(dims: readonly Walked[], offset: number, at: string): string {
  const terms: string[] = []
  let inner = dims.reduce((n, { size }) => n * size, 1)
  dims.forEach(({ size, step }, i) => {
    inner /= size
    if (step === 0) return
    const divided = inner === 1 ? at : `${at} / ${u(inner)}`
    const coordinate = i === 0 ? divided : `${inner === 1 ? at : `(${divided})`} % ${u(size)}`
    terms.push(
      step === 1 && dims.length === 1 ? coordinate : step === 1 ? `(${coordinate})` : `(${coordinate}) * ${u(step)}`,
    )
  })
  if (offset > 0 || terms.length === 0) terms.push(u(offset))
  return terms.length === 1 ? (terms[0] as string) : `(${terms.join(" + ")})`
}

/** Where the elements of a view lie: element number `at`, counted row by row. */
export function elementIndex(view: Omit<View, "tensor">, at: string): string {
  const dims = merged(view.shape, [view.strides])
  return walk(
    dims.map(({ size, steps }) => ({ size, step: steps[0] as number })),
    view.offset,
    at,
  )
}

/** How the elements `4 i` to `4 i + 3` of a view lie, for every `i`. */
export type Lanes =
  | { readonly kind: "together"; readonly index: (at: string) => string }
  | { readonly kind: "same"; readonly index: (at: string) => string }
  | { readonly kind: "apart" }

export function lanesOf(view: Omit<View, "tensor">): Lanes {
  const dims = merged(view.shape, [view.strides]).map(({ size, steps }) => ({ size, step: steps[0] as number }))
  const last = dims.at(-1)
  if (last === undefined || dims.every(({ step }) => step === 0)) return { kind: "same", index: () => u(view.offset) }
  // The end of a dense tensor is padded to whole vectors.
  const dense = dims.length === 1 && last.step === 1
  if (!dense && last.size % 4 !== 0) return { kind: "apart" }
  const quarter = { size: Math.ceil(last.size / 4), step: last.step }
  const outer = dims.slice(0, -1)
  if (last.step === 0) return { kind: "same", index: (at) => walk([...outer, quarter], view.offset, at) }
  if (last.step !== 1 || view.offset % 4 !== 0 || outer.some(({ step }) => step % 4 !== 0)) return { kind: "apart" }
  const quarters = [...outer.map(({ size, step }) => ({ size, step: step / 4 })), quarter]
  return { kind: "together", index: (at) => walk(quarters, view.offset / 4, at) }
}

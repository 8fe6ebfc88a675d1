import type { DType } from "@vitrine/core"
import type { Attribute, Initializer, OnnxNode } from "./model.ts"

/**
 * A value while a model is written. Scalings and constant fills stay symbolic until somebody needs the elements, so
 * that a matrix product can take a factor as its alpha and an element-wise op a fill as a scalar.
 */
export interface Value {
  readonly shape: readonly number[]
  readonly dtype: DType
  /** The name of the elements, before scaling. */
  readonly of: string
  /** The elements are those of `of` times this. */
  readonly scale: number
  /** Every element is this number; `of` is then empty. */
  readonly fill?: number
}

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>
  readonly domain?: OnnxNode["domain"]
}

/** Collects nodes and constants, and gives names that no other value has. */
export class Emitter {
  readonly nodes: OnnxNode[] = []
  readonly initializers: Initializer[] = []
  /** Whether ONNX Runtime's own operators may be used. */
  readonly contrib: boolean
  readonly #known = new Map<string, string>()
  readonly #names = new Set<string>()
  #count = 0

  constructor(contrib: boolean) {
    this.contrib = contrib
  }

  /** `wanted`, or a variation of it that is still free. */
  name(wanted?: string): string {
    let name = wanted ?? `#${this.#count++}`
    for (let i = 2; this.#names.has(name); i++) name = `${wanted}#${i}`
    this.#names.add(name)
    return name
  }

  node(op: string, inputs: readonly string[], outputs: number, options: NodeOptions = {}): string[] {
    const names = Array.from({ length: outputs }, () => this.name())
    this.nodes.push({ op, domain: options.domain ?? "", inputs, outputs: names, attributes: options.attributes ?? {} })
    return names
  }

  one(op: string, inputs: readonly string[], options?: NodeOptions): string {
    return this.node(op, inputs, 1, options)[0] as string
  }

  constant(shape: readonly number[], dtype: Initializer["dtype"], data: Initializer["data"], key?: string): string {
    const known = key === undefined ? undefined : this.#known.get(key)
    if (known !== undefined) return known
    const name = this.name()
    this.initializers.push({ name, shape, dtype, data })
    if (key !== undefined) this.#known.set(key, name)
    return name
  }

  scalar(value: number): string {
    return this.constant([], "float32", Float32Array.of(value), `f${Object.is(value, -0) ? "-0" : value}`)
  }

  ints(values: readonly number[]): string {
    return this.constant([values.length], "int64", BigInt64Array.from(values, BigInt), `i${values}`)
  }

  /** A float32 row or column of ones. */
  ones(shape: readonly number[]): string {
    const n = shape.reduce((count, dim) => count * dim, 1)
    return this.constant(shape, "float32", new Float32Array(n).fill(1), `ones${shape}`)
  }

  /** The name of a value's elements, in full. */
  elements(value: Value): string {
    if (value.fill !== undefined) {
      const key = `fill${value.fill}:${value.shape}`
      const known = this.#known.get(key)
      if (known !== undefined) return known
      if (value.shape.length === 0) return this.scalar(value.fill)
      const name = this.one("Expand", [this.scalar(value.fill), this.ints(value.shape)])
      this.#known.set(key, name)
      return name
    }
    if (value.scale === 1) return value.of
    const key = `${value.scale}*${value.of}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const name =
      value.scale === -1 ? this.one("Neg", [value.of]) : this.one("Mul", [value.of, this.scalar(value.scale)])
    this.#known.set(key, name)
    return name
  }
}

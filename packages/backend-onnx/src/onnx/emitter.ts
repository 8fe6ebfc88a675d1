import { type DType, type OpName, parseDim, product, type Shape, VitrineError } from "@vitrine/core"
import type { Attribute, Initializer, OnnxNode } from "./model.ts"

/**
 * A value while a model is written. Scalings and constant fills stay symbolic until somebody needs the elements, so
 * that a matrix product can take a factor as its alpha and an element-wise op a fill as a scalar.
 */
export interface Value {
  readonly shape: Shape
  readonly dtype: DType
  /** The name of the elements, before scaling. */
  readonly of: string
  /** The elements are those of `of` times this. */
  readonly scale: number
  /** Every element is this number; `of` is then empty. */
  readonly fill?: number
  /** The ops that read it; `output` where it leaves the graph. */
  readonly readers: readonly (OpName | "output")[]
}

/** The shape in which a number is best given beside a value of this shape. */
export const onesBeside = (shape: Shape): readonly number[] => (shape.at(-1) === 1 ? shape.map(() => 1) : [])

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>
  readonly domain?: OnnxNode["domain"]
}

/** Collects nodes and constants, and gives names that no other value has. */
export class Emitter {
  readonly nodes: OnnxNode[] = []
  readonly initializers: Initializer[] = []
  /** Whether the model must do with standard operators of the portable operator set. */
  readonly portable: boolean
  /** An input whose first dimension is the batch, where that is left open. */
  batchInput: string | undefined
  readonly #known = new Map<string, string>()
  /** What a reshaped value was before. */
  readonly #reshaped = new Map<string, { readonly of: string; readonly shape: string }>()
  readonly #names = new Set<string>()
  #count = 0

  constructor(portable: boolean) {
    this.portable = portable
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
    const make = (): string => {
      const name = this.name()
      this.initializers.push({ name, shape, dtype, data })
      return name
    }
    return key === undefined ? make() : this.once(key, make)
  }

  /**
   * A number for an element-wise operator, whose other operand may be told by its shape: where that ends in 1, ONNX
   * Runtime takes its elements one by one beside a scalar, but not beside ones of the same rank.
   */
  scalar(value: number, beside: Shape = []): string {
    const shape = onesBeside(beside)
    const key = `f${Object.is(value, -0) ? "-0" : value} ${shape}`
    return this.constant(shape, "float32", Float32Array.of(value), key)
  }

  ints(values: readonly number[]): string {
    return this.constant([values.length], "int64", BigInt64Array.from(values, BigInt), `i${values}`)
  }

  /** The name of a shape, which depends on the batch where that is left open. */
  dims(shape: Shape): string {
    const [first, ...rest] = shape
    if (first === undefined || typeof first === "number") return this.ints(shape as readonly number[])
    const { times } = parseDim(first)
    return this.once(`dims ${shape}`, () => {
      if (this.batchInput === undefined)
        throw new VitrineError("shape", "no input of the graph has the batch as its first dimension: give its size")
      const attributes = { start: 0, end: 1 }
      const batch = this.once("batch", () => this.one("Shape", [this.batchInput as string], { attributes }))
      const rows = times === 1 ? batch : this.one("Mul", [batch, this.ints([times])])
      return rest.length === 0
        ? rows
        : this.one("Concat", [rows, this.ints(rest as readonly number[])], { attributes: { axis: 0 } })
    })
  }

  /** The name that `make` gives for a key, made once. */
  once(key: string, make: () => string): string {
    const name = this.#known.get(key) ?? make()
    this.#known.set(key, name)
    return name
  }

  /** `x`, which has the shape `from`, in another shape. */
  reshape(x: string, from: Shape, to: Shape): string {
    const source = this.#reshaped.get(x) ?? { of: x, shape: `${from}` }
    if (source.shape === `${to}`) return source.of
    return this.once(`reshape ${source.of} ${to}`, () => {
      const name = this.one("Reshape", [source.of, this.ints(to.map((dim) => (typeof dim === "number" ? dim : -1)))])
      this.#reshaped.set(name, source)
      return name
    })
  }

  /** A float32 row or column of ones. */
  ones(shape: Shape): string {
    const n = product(shape)
    if (typeof n !== "number") throw new VitrineError("shape", "a sum over the batch needs the size of the batch")
    return this.constant(shape as readonly number[], "float32", new Float32Array(n).fill(1), `ones${shape}`)
  }

  /** The name of a value's elements, in full. */
  elements({ of, scale, fill, shape }: Value): string {
    if (fill !== undefined) {
      const number = this.scalar(fill)
      return shape.length === 0
        ? number
        : this.once(`fill ${fill} ${shape}`, () => this.one("Expand", [number, this.dims(shape)]))
    }
    if (scale === 1) return of
    return this.once(`${scale} * ${of}`, () =>
      scale === -1 ? this.one("Neg", [of]) : this.one("Mul", [of, this.scalar(scale, shape)]),
    )
  }
}

import { type DType, type Shape, type TensorType, VitrineError } from "@vitrine/core"
import { bindDim, elementCount, type OpName, parseDim, product } from "@vitrine/core/backend"
import { type Attribute, elementTypes, type Initializer, type OnnxBody, type OnnxNode } from "./model.ts"

/** An op that reads a value. `output` means that the value is an output of the graph. */
export type Reader = OpName | "output"

/**
 * A value while a model is written. A scale or a constant fill stays symbolic until a node needs the elements. So a
 * matrix product can use the scale as its alpha, and an element-wise op can use the fill as a scalar.
 */
export interface Value extends TensorType {
  /** The name of the elements, before scaling. */
  readonly of: string
  /** The factor of the elements: the value is `of` times this. */
  readonly scale: number
  /** The number that every element is. If it is present, `of` is empty. */
  readonly fill?: number
  readonly readers: readonly Reader[]
}

/**
 * The best shape for a scalar operand of an element-wise operator, next to a value of some shape. If that shape ends in
 * 1, ONNX Runtime is fast with an operand of rank 0, and slow with one of the same rank.
 */
export const onesBeside = (shape: Shape): readonly number[] => (shape.at(-1) === 1 ? shape.map(() => 1) : [])

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>
  readonly domain?: OnnxNode["domain"]
}

/** Collects nodes and constants, and gives unique names to values. */
export class Emitter {
  nodes: OnnxNode[] = []
  readonly initializers: Initializer[] = []
  /** Whether the model has only standard operators of the portable operator set. */
  readonly portable: boolean
  /** An input whose first dimension is the batch, if the batch is open. */
  batchInput: string | undefined
  /** The names that `once` has returned. */
  readonly #once = new Map<string, string>()
  /** The sources of reshaped values. */
  readonly #reshaped = new Map<string, { readonly of: string; readonly shape: string }>()
  readonly #names = new Set<string>()
  #count = 0

  constructor(portable: boolean) {
    this.portable = portable
  }

  /** A unique name: the preferred one, or a variation of it. */
  name(preferred: string = `#${this.#count++}`): string {
    let name = preferred
    for (let i = 2; this.#names.has(name); i++) name = `${preferred}#${i}`
    this.#names.add(name)
    return name
  }

  /** Adds a node and returns the names of its outputs. */
  node(op: string, inputs: readonly string[], outputs: 2, options?: NodeOptions): [string, string]
  node(op: string, inputs: readonly string[], outputs: 3, options?: NodeOptions): [string, string, string]
  node(op: string, inputs: readonly string[], outputs: number, options?: NodeOptions): string[]
  node(op: string, inputs: readonly string[], outputs: number, options: NodeOptions = {}): string[] {
    const names = Array.from({ length: outputs }, () => this.name())
    this.#push(op, inputs, names, options)
    return names
  }

  /** Adds a node with one output and returns its name. */
  one(op: string, inputs: readonly string[], options: NodeOptions = {}): string {
    const name = this.name()
    this.#push(op, inputs, [name], options)
    return name
  }

  #push(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    { attributes = {}, domain = "" }: NodeOptions,
  ): void {
    this.nodes.push({ op, domain, inputs, outputs, attributes })
  }

  /**
   * A graph for a node to run. Its nodes may read all values that exist already.
   * @param make adds the nodes. It gets the names of the inputs and gives the outputs.
   */
  body(
    inputs: readonly TensorType[],
    make: (names: readonly string[]) => readonly (TensorType & { readonly name: string })[],
  ): OnnxBody {
    const outer = this.nodes
    this.nodes = []
    const values = inputs.map((type) => ({ ...type, name: this.name() }))
    const outputs = make(values.map(({ name }) => name))
    const { nodes } = this
    this.nodes = outer
    return { nodes, inputs: values, outputs }
  }

  constant(shape: readonly number[], dtype: Initializer["dtype"], data: Initializer["data"], key?: string): string {
    const make = (): string => {
      const name = this.name()
      this.initializers.push({ name, shape, dtype, data })
      return name
    }
    return key === undefined ? make() : this.once(key, make)
  }

  cast(x: string, dtype: DType): string {
    return this.one("Cast", [x], { attributes: { to: elementTypes[dtype] } })
  }

  /**
   * A number as an operand of an element-wise operator.
   * @param beside the shape of the other operand.
   */
  scalar(value: number, beside: Shape = []): string {
    const shape = onesBeside(beside)
    const key = `f${Object.is(value, -0) ? "-0" : value} ${shape}`
    return this.constant(shape, "float32", Float32Array.of(value), key)
  }

  ints(values: readonly number[]): string {
    return this.constant([values.length], "int64", BigInt64Array.from(values, BigInt), `i${values}`)
  }

  /** The name of a shape as a value. If the batch is open, the shape depends on it. */
  dims(shape: Shape): string {
    const [first, ...others] = shape
    const rest = others.map((dim) => bindDim(dim))
    if (first === undefined) return this.ints([])
    if (typeof first === "number") return this.ints([first, ...rest])
    const { times } = parseDim(first)
    return this.once(`dims ${shape}`, () => {
      const { batchInput } = this
      if (batchInput === undefined)
        throw new VitrineError("shape", "no input of the graph has the batch as its first dimension: give its size")
      const attributes = { start: 0, end: 1 }
      const batch = this.once("batch", () => this.one("Shape", [batchInput], { attributes }))
      const rows = times === 1 ? batch : this.one("Mul", [batch, this.ints([times])])
      return rest.length === 0 ? rows : this.one("Concat", [rows, this.ints(rest)], { attributes: { axis: 0 } })
    })
  }

  /** The name that `make` returns for a key. `make` is called once for each key. */
  once(key: string, make: () => string): string {
    const name = this.#once.get(key) ?? make()
    this.#once.set(key, name)
    return name
  }

  /** Gives `x`, which has the shape `from`, the shape `to`. */
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
    if (typeof product(shape) !== "number")
      throw new VitrineError("shape", "a sum over the batch needs the size of the batch")
    const sizes = shape.map((dim) => bindDim(dim))
    return this.constant(sizes, "float32", new Float32Array(elementCount(sizes)).fill(1), `ones${shape}`)
  }

  /** The name of a value's elements, with its scale or fill applied. */
  elements({ of, scale, fill, shape }: Value): string {
    if (fill !== undefined) {
      const number = this.scalar(fill * scale)
      return shape.length === 0
        ? number
        : this.once(`fill ${fill * scale} ${shape}`, () => this.one("Expand", [number, this.dims(shape)]))
    }
    if (scale === 1) return of
    return this.once(`${scale} * ${of}`, () =>
      scale === -1 ? this.one("Neg", [of]) : this.one("Mul", [of, this.scalar(scale, shape)]),
    )
  }
}

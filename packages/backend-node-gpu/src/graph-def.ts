import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import type { DType } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import { dataTypes } from "./binding.ts"

/** A node's attribute, tagged with the kind that TensorFlow expects. */
export type Attribute =
  | { readonly type: DType }
  | { readonly int: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly shape: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly tensor: { readonly dtype: DType; readonly shape: readonly number[]; readonly data: Elements } }

export type Elements = Float32Array | Int32Array | Uint8Array

/**
 * A node of TensorFlow's graph. An input is `node`, `node:output`, or `^node`, which means that the node must run
 * first.
 */
export interface NodeDef {
  readonly name: string
  readonly op: string
  readonly inputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

const message = (writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): BinaryWriter => {
  writer.tag(field, WireType.LengthDelimited).fork()
  write(writer)
  return writer.join()
}

const text = (writer: BinaryWriter, field: number, value: string): BinaryWriter =>
  writer.tag(field, WireType.LengthDelimited).string(value)

const int = (writer: BinaryWriter, field: number, value: number): BinaryWriter =>
  writer.tag(field, WireType.Varint).int64(value)

function shapeProto(writer: BinaryWriter, shape: readonly number[]): void {
  for (const size of shape) message(writer, 2, (dim) => int(dim, 1, size))
}

function attributeProto(writer: BinaryWriter, value: Attribute): void {
  if ("type" in value) int(writer, 6, dataTypes[value.type])
  else if ("int" in value) int(writer, 3, value.int)
  else if ("bool" in value) writer.tag(5, WireType.Varint).bool(value.bool)
  else if ("string" in value) text(writer, 2, value.string)
  else if ("shape" in value) message(writer, 7, (shape) => shapeProto(shape, value.shape))
  else if ("ints" in value)
    message(writer, 1, (list) => {
      for (const item of value.ints) int(list, 3, item)
    })
  else {
    const { dtype, shape, data } = value.tensor
    message(writer, 8, (tensor) => {
      int(tensor, 1, dataTypes[dtype])
      message(tensor, 2, (inner) => shapeProto(inner, shape))
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      tensor.tag(4, WireType.LengthDelimited).bytes(bytes)
    })
  }
}

/** The tag of the graph in its SavedModel. */
export const tag = "serve"

/**
 * The bytes of `saved_model.pb` for a graph without variables: `SavedModel` > `MetaGraphDef` > `GraphDef`. The fields
 * are those of https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/protobuf.
 */
export function savedModel(nodes: readonly NodeDef[]): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter()
  int(writer, 1, 1)
  message(writer, 2, (meta) => {
    message(meta, 1, (info) => text(info, 4, tag))
    message(meta, 2, (graph) => {
      for (const { name, op, inputs, attributes } of nodes)
        message(graph, 1, (node) => {
          text(node, 1, name)
          text(node, 2, op)
          for (const input of inputs) text(node, 3, input)
          for (const [key, value] of Object.entries(attributes))
            message(node, 5, (entry) => {
              text(entry, 1, key)
              message(entry, 2, (inner) => attributeProto(inner, value))
            })
        })
      message(graph, 4, (versions) => int(versions, 1, 1087))
    })
  })
  return writer.finish()
}

interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** Nodes that must run first, although their outputs are not read. */
  readonly after?: readonly string[]
}

/** Collects nodes. It writes equal constants, and nodes with equal keys, only once. */
export class GraphWriter {
  readonly nodes: NodeDef[] = []
  /** The names that `once` has returned. */
  readonly #once = new Map<string, string>()

  /** Adds a node and returns the names of its outputs. */
  node(op: string, inputs: readonly string[], options: NodeOptions & { readonly outputs: 2 }): [string, string]
  node(op: string, inputs: readonly string[], options: NodeOptions & { readonly outputs: number }): string[]
  node(op: string, inputs: readonly string[], options: NodeOptions & { readonly outputs: number }): string[] {
    const name = this.#push(op, inputs, options)
    return Array.from({ length: options.outputs }, (_, i) => `${name}:${i}`)
  }

  /** Adds a node with one output and returns its name. */
  one(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    after: readonly string[] = [],
  ): string {
    return `${this.#push(op, inputs, { attributes, after })}:0`
  }

  #push(op: string, inputs: readonly string[], { attributes = {}, after = [] }: NodeOptions): string {
    const name = `n${this.nodes.length}`
    this.nodes.push({ name, op, inputs: [...inputs, ...after.map((node) => `^${nodeOf(node)}`)], attributes })
    return name
  }

  /** Adds an op on float32 tensors. */
  float(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.one(op, inputs, { T: { type: "float32" }, ...attributes })
  }

  constant(dtype: DType, shape: readonly number[], data: Elements): string {
    return this.one("Const", [], { dtype: { type: dtype }, value: { tensor: { dtype, shape, data } } })
  }

  scalar(value: number): string {
    return this.once(`scalar ${Object.is(value, -0) ? "-0" : value}`, () =>
      this.constant("float32", [], Float32Array.of(value)),
    )
  }

  ints(values: readonly number[]): string {
    return this.once(`ints ${values}`, () => this.constant("int32", [values.length], Int32Array.from(values)))
  }

  int(value: number): string {
    return this.once(`int ${value}`, () => this.constant("int32", [], Int32Array.of(value)))
  }

  reshape(x: string, shape: readonly number[], dtype: DType = "float32"): string {
    return this.once(`reshape ${x} ${shape}`, () =>
      this.one("Reshape", [x, this.ints(shape)], { T: { type: dtype }, Tshape: { type: "int32" } }),
    )
  }

  fill(shape: readonly number[], value: number): string {
    if (elementCount(shape) === 1) return this.constant("float32", shape, Float32Array.of(value))
    return this.once(`fill ${value} ${shape}`, () =>
      this.one("Fill", [this.ints(shape), this.scalar(value)], {
        T: { type: "float32" },
        index_type: { type: "int32" },
      }),
    )
  }

  /** An output that exists when the nodes have run. */
  signal(after: readonly string[]): string {
    const value = { tensor: { dtype: "bool", shape: [], data: Uint8Array.of(1) } } as const
    return this.one("Const", [], { dtype: { type: "bool" }, value }, after)
  }

  /** The name that `make` returns for a key. `make` is called once for each key. */
  once(key: string, make: () => string): string {
    const name = this.#once.get(key) ?? make()
    this.#once.set(key, name)
    return name
  }
}

/** The node of an output. */
export const nodeOf = (output: string): string => output.slice(0, output.lastIndexOf(":"))

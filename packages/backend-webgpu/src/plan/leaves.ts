import { elementCount, type GraphNode } from "@vitrine/core/backend"
import type { StepBuilder } from "./builder.ts"
import { broadcasted, type View } from "./view.ts"

/** The values of states that do not change, by name. */
export type Constants = Readonly<Record<string, Float32Array>>

/** A constant with fewer elements stays in float32, since float16 would save little. */
const leastNarrowed = 1024

export type LeafOp = "input" | "state" | "constant" | "full"

/**
 * The tensor of a leaf.
 * @param narrows whether large constants are stored in float16
 */
export function leaf(builder: StepBuilder, node: GraphNode<LeafOp>, constants: Constants, narrows: boolean): View {
  const { shape, dtype } = builder.typeOf(node.outputs[0])
  switch (node.op) {
    case "input":
      return builder.tensor({ shape, dtype, place: "input", name: node.attributes.name })
    case "state": {
      const { name } = node.attributes
      const data = Object.hasOwn(constants, name) ? constants[name] : undefined
      if (data === undefined) return builder.tensor({ shape, dtype, place: "state", name })
      const isLarge = shape.length >= 2 && elementCount(shape) >= leastNarrowed
      const narrow = narrows && isLarge && dtype === "float32"
      return builder.tensor({ shape, dtype: narrow ? "float16" : dtype, place: "constant", name, data })
    }
    case "constant":
      return builder.tensor({ shape, dtype, place: "constant", data: node.attributes.data })
    case "full": {
      const { value } = node.attributes
      if (Number.isFinite(Math.fround(value))) return builder.tensor({ shape, dtype, place: "literal", value })
      // WGSL has no literal for such a number.
      const data = Float32Array.of(value)
      return broadcasted(builder.tensor({ shape: [], dtype, place: "constant", data }), shape)
    }
  }
}

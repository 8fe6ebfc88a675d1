import { type Graph, type Parameter, parameterCount } from "@vitrine/core"
import { nodeFlops, typeOf, type ValueId } from "@vitrine/core/backend"

/** A part of a model, with its parameters and the operations of a forward pass over one image. */
export interface ModelPart {
  /** The names of its parameters without numbers, such as `blocks.attn`. Products of tokens with tokens are `(attention)`. */
  readonly name: string
  readonly parameters: number
  /** 2 for each multiply-accumulate of matrix products and convolutions. */
  readonly flops: number
}

const attention = "(attention)"

/** The part of a parameter: its first two names that are no numbers, without the last one. */
function partOf(parameter: string): string {
  const names = parameter.split(".").filter((name) => !/^\d+$/.test(name))
  return names.slice(0, Math.max(1, Math.min(2, names.length - 1))).join(".")
}

/** The parts of a model, in the order of its parameters. */
export function modelParts(parameters: readonly Parameter[], forward: Graph): readonly ModelPart[] {
  const parts = new Map<string, { parameters: number; flops: number }>()
  const add = (name: string, counts: { readonly parameters?: number; readonly flops?: number }): void => {
    const { parameters: n = 0, flops = 0 } = counts
    const before = parts.get(name) ?? { parameters: 0, flops: 0 }
    parts.set(name, { parameters: before.parameters + n, flops: before.flops + flops })
  }
  for (const parameter of parameters) add(partOf(parameter.name), { parameters: parameterCount([parameter]) })
  /** The parameter from which a value without images is computed. */
  const owners = new Map<ValueId, string>()
  for (const node of forward.nodes) {
    const inputs: readonly ValueId[] = node.inputs
    const owner =
      node.op === "state"
        ? node.attributes.name
        : hasBatch(forward, node.outputs[0])
          ? undefined
          : inputs.map((value) => owners.get(value)).find((name) => name !== undefined)
    if (owner !== undefined) for (const value of node.outputs) owners.set(value, owner)
    const flops = nodeFlops(forward, node, 1)
    if (flops === 0) continue
    const weight = inputs.map((value) => owners.get(value)).find((name) => name !== undefined)
    add(weight === undefined ? attention : partOf(weight), { flops })
  }
  return Array.from(parts, ([name, counts]) => ({ name, ...counts })).filter(
    (part) => part.parameters > 0 || part.flops > 0,
  )
}

function hasBatch(g: Graph, value: ValueId | undefined): boolean {
  return value !== undefined && typeof typeOf(g, value).shape[0] === "string"
}

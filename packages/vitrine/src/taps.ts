import { type Graph, graph, rootScope, type Scope, type Tensor, VitrineError } from "@vitrine/core"
import { bindDim } from "@vitrine/core/backend"

/** The name and the shape of an intermediate value. */
export interface TapShape {
  readonly name: string
  readonly shape: readonly number[]
}

/** A model as a function of its scope. Only the taps matter, not the result. */
type Forward = (scope: Scope) => unknown

/**
 * The graph of a model that computes only these taps.
 * @throws VitrineError (config) for a name that the model does not have
 */
export function tapGraph(names: readonly string[], forward: Forward): Graph {
  const taps = tapsOf(names, forward)
  const missing = names.find((name) => !name.endsWith(".*") && !taps.has(name))
  if (missing !== undefined)
    throw new VitrineError(
      "config",
      `the model has no intermediate value named "${missing}"; taps() (--list-taps) names all`,
    )
  return graph({ outputs: Object.fromEntries(taps) })
}

/** All taps of a model in the order of computation, with their shapes for one example. */
export function tapShapes(forward: Forward): TapShape[] {
  const taps = tapsOf("all", forward)
  return Array.from(taps, ([name, { shape }]) => ({ name, shape: shape.map((dim) => bindDim(dim, 1)) }))
}

function tapsOf(names: readonly string[] | "all", forward: Forward): Map<string, Tensor> {
  const taps = new Map<string, Tensor>()
  forward(rootScope({ taps: names, onTap: (name, tensor) => taps.set(name, tensor) }))
  return taps
}

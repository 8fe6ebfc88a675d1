import { type Dim, type Graph, graph, rootScope, type Scope, type Tensor, VitrineError } from "@vitrine/core"

/** An intermediate value of a model. */
export interface TapShape {
  readonly name: string
  readonly shape: readonly number[]
}

/** A model from its scope on; what it gives is not looked at. */
type Forward = (scope: Scope) => unknown

/**
 * The model as a graph that gives the taps that are wanted, and computes nothing else.
 * @throws VitrineError (config) for a name that the model does not have.
 */
export function tapGraph(taps: readonly string[], forward: Forward): Graph {
  const found = tapsOf(taps, forward)
  const missing = taps.find((name) => !name.endsWith(".*") && !found.has(name))
  if (missing !== undefined)
    throw new VitrineError(
      "config",
      `the model has no intermediate value named "${missing}"; taps() (--list-taps) names all`,
    )
  return graph({ outputs: Object.fromEntries(found) })
}

/** All taps of a model in the order of the computation, with their shapes for one example. */
export function tapShapes(forward: Forward): TapShape[] {
  const one = (dim: Dim): number => (typeof dim === "number" ? dim : Number(dim.split("*")[1] ?? 1))
  return Array.from(tapsOf("all", forward), ([name, { shape }]) => ({ name, shape: shape.map(one) }))
}

function tapsOf(taps: readonly string[] | "all", forward: Forward): Map<string, Tensor> {
  const found = new Map<string, Tensor>()
  forward(rootScope({ taps, onTap: (name, t) => found.set(name, t) }))
  return found
}

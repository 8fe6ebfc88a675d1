import { referenceBackend } from "@vitrine/backend-reference"
import { type Graph, gradients, graph, type HostData, type Tensor } from "@vitrine/core"
import type { Node, OpName } from "@vitrine/core/backend"
import type { Build } from "../src/cases/case.ts"
import { runOnce } from "../src/contract.ts"
import { type Drawn, drawFrom } from "../src/draw.ts"

export type Data = Readonly<Record<string, HostData>>

/** Runs a graph once in float64. It returns the values of the outputs by name. */
export async function evaluate(g: Graph, inputs: Data): Promise<Record<string, Float64Array>> {
  const results = await runOnce(referenceBackend(), g, inputs)
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float64Array]))
}

/** The ops that a backend must have. Every decomposition consists of them. */
export const required: ReadonlySet<OpName> = new Set<OpName>([
  ...(["input", "state", "constant", "full", "add", "sub", "mul", "div", "maximum", "greater", "where"] as const),
  ...(["neg", "exp", "log", "sqrt", "erf", "tanh", "isFinite", "cast", "reshape", "transpose", "broadcastTo"] as const),
  ...(["concat", "split", "slice", "pad", "sum", "max", "matMul", "dropoutMask", "stopGradient", "barrier"] as const),
])

export interface Differentiated {
  readonly draw: Drawn
  /** The float32 outputs through which gradients flow. */
  readonly ends: readonly Tensor[]
  /** The weights of the outputs. They are inputs too. */
  readonly seeds: readonly Tensor[]
  /** The float32 inputs that get a gradient. */
  readonly wrt: Readonly<Record<string, Tensor>>
}

export function differentiate(build: Build): Differentiated {
  const draw = drawFrom(42)
  const built = build(draw)
  const outputs: readonly Tensor[] = Array.isArray(built) ? built : [built as Tensor]
  const ends = outputs.filter((t) => t.dtype === "float32" && t.node.op !== "stopGradient")
  const reached = new Set<Node>()
  const reach = (node: Node): void => {
    if (reached.has(node) || node.op === "stopGradient") return
    reached.add(node)
    for (const t of node.inputs) reach(t.node)
  }
  for (const t of ends) reach(t.node)
  const wrt = Object.fromEntries(
    Object.entries(draw.tensors).filter(([, t]) => t.dtype === "float32" && reached.has(t.node)),
  )
  return { draw, ends, wrt, seeds: ends.map(({ shape }) => draw.normal(shape)) }
}

/** The gradients of the weighted sum of `ends`, as a graph with an output for each of `wrt`. */
export function gradientGraph({ ends, wrt, seeds }: Omit<Differentiated, "draw">): Graph {
  const made = gradients(ends, Object.values(wrt), seeds)
  return graph({ outputs: Object.fromEntries(Object.keys(wrt).map((name, i) => [name, made[i] as Tensor])) })
}

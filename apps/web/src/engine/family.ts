import { forwardFlops, parameterCount, tokenCount, vitModel, vitVariant } from "@vitrine/core"

/** One size of Vision Transformer. */
export interface Variant {
  readonly name: string
  readonly dim: number
  readonly depth: number
  readonly heads: number
  readonly tokens: number
  readonly parameters: number
  /** The operations of one image. A multiplication with its addition counts as 2. */
  readonly flops: number
}

/** The paper's variants and DeiT's smaller ones at 224 × 224. The counts come from the models themselves. */
export function family(): Variant[] {
  return ["Ti/16", "S/16", "B/32", "B/16", "L/32", "L/16", "H/14", "R26+S/32", "R50+B/16", "R50+L/32"].map((name) => {
    const config = vitVariant(name)
    const model = vitModel(config)
    const { dim, depth, heads } = config
    return {
      name,
      dim,
      depth,
      heads,
      tokens: tokenCount(config),
      parameters: parameterCount(model.parameters),
      flops: forwardFlops(model),
    }
  })
}

import { type Parameter, VitrineError } from "@vitrine/core"

/** Which parameters learn, how fast, and which decay. */
export interface GroupOptions {
  readonly weightDecay: number
  /** Only matrices (linear layers, patches, head), as is usual for transformers, or everything, as PyTorch does by default. */
  readonly decay: "matrices" | "all"
  /**
   * The rate of each layer is that of the next one times this (BEiT's layer-wise decay, as timm assigns it); 1: none. Layers
   * are the blocks, told by the parameters' names and counted in their order.
   */
  readonly layerDecay: number
  /**
   * Parameters that stay as they are: names, or prefixes that end at a dot, such as `blocks.0` or `patch_embed`, or
   * `backbone` for all but the head.
   */
  readonly freeze: readonly string[]
  /**
   * Factors of the learning rate, by names or prefixes that end at a dot: DETR's backbone has `{ backbone: 0.1 }`. Where
   * several fit, all count.
   */
  readonly rates: Readonly<Record<string, number>>
}

/** Parameters that share a learning rate and a weight decay. */
export interface ParameterGroup {
  readonly name: string
  /** What the learning rate is multiplied by. */
  readonly scale: number
  readonly weightDecay: number
  readonly parameters: readonly Parameter[]
}

/** Sorts the parameters that learn into groups. Computed tables and frozen norms never learn. */
export function parameterGroups(parameters: readonly Parameter[], options: GroupOptions): ParameterGroup[] {
  const { weightDecay, decay, layerDecay, freeze, rates } = options
  if (!(layerDecay > 0 && layerDecay <= 1))
    throw new VitrineError("config", `layerDecay must be in (0, 1], got ${layerDecay}`)
  if (!(weightDecay >= 0 && weightDecay < Infinity))
    throw new VitrineError("config", `weightDecay must be 0 or more, got ${weightDecay}`)
  const below = (name: string, prefix: string): boolean => name === prefix || name.startsWith(`${prefix}.`)
  const matches = (name: string, pattern: string): boolean =>
    pattern === "backbone" ? !isHead(name) : below(name, pattern)
  for (const pattern of freeze)
    if (!parameters.some(({ name }) => matches(name, pattern)))
      throw new VitrineError("config", `freeze: no parameter is named "${pattern}" or stands below it`)

  for (const [prefix, factor] of Object.entries(rates)) {
    if (!(factor >= 0 && factor < Infinity))
      throw new VitrineError("config", `rates: the factor of "${prefix}" must be 0 or more, got ${factor}`)
    if (!parameters.some(({ name }) => below(name, prefix)))
      throw new VitrineError("config", `rates: no parameter is named "${prefix}" or stands below it`)
  }

  const blocks = [...new Set(parameters.flatMap(({ name }) => blockOf(name) ?? []))]
  const found = new Map<string, { scale: number; weightDecay: number; parameters: Parameter[] }>()
  for (const parameter of parameters) {
    const { name, role } = parameter
    if (role === "fixedPositions" || role === "frozen" || freeze.some((pattern) => matches(name, pattern))) continue
    const matrix = role === "linear" || role === "patch" || role === "convolution" || role === "head"
    const decays = decay === "all" || matrix ? weightDecay : 0
    const own = Object.entries(rates).reduce((product, [prefix, rate]) => product * (below(name, prefix) ? rate : 1), 1)
    const scale = own * layerDecay ** (blocks.length + 1 - layerOf(name, blocks))
    const key = `${scale}/${decays}`
    const group = found.get(key) ?? { scale, weightDecay: decays, parameters: [] }
    group.parameters.push(parameter)
    found.set(key, group)
  }
  if (found.size === 0) throw new VitrineError("config", "freeze: every parameter is frozen, nothing is left to train")
  return [...found.values()].map((group, i) => ({ name: `group${i}`, ...group }))
}

/** Whether a parameter belongs to what turns features into logits. */
export function isHead(name: string): boolean {
  return /^(head|head_dist|pre_logits)\./.test(name)
}

/** The block that a parameter stands in, such as `blocks.3` or `stages.0.blocks.2`; none for what makes the tokens. */
function blockOf(name: string): string | undefined {
  return /^(?!patch_embed\.)(.*\.\d+)\./.exec(name)?.[1]
}

/** 0 for the embeddings, 1 … depth for the blocks (the final norm goes with the last), depth + 1 for the head. */
function layerOf(name: string, blocks: readonly string[]): number {
  const block = blockOf(name)
  if (block !== undefined) return blocks.indexOf(block) + 1
  if (name.startsWith("norm.")) return blocks.length
  return isHead(name) || /^(fc_norm|attn_pool)\./.test(name) ? blocks.length + 1 : 0
}

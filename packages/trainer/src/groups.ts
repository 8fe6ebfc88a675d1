import { checkFields, type Field, hasRow, type Parameter, type Role, rowNames, VitrineError } from "@vitrine/core"

/**
 * Selects the parameters that decay by their role. To add a mode, add a row. Types and checks follow from this table.
 */
export const decayModes = {
  /** Matrices alone (linear layers, convolutions, patches, head), as is usual for transformers. */
  matrices: (role: Role): boolean => role === "linear" || role === "patch" || role === "convolution" || role === "head",
  /** Everything, as PyTorch does by default. */
  all: (): boolean => true,
}

/** The names of the rules by which parameters decay. */
export type DecayMode = keyof typeof decayModes

/** The rules by which parameters decay: matrices alone, or all. */
export const decayModeNames: readonly DecayMode[] = rowNames(decayModes)

/** Names that `freeze` accepts besides names of parameters. Each function selects its parameters. */
export const frozenParts = {
  backbone: (parameter: string): boolean => !isHead(parameter),
}

/** The parameters that learn, their learning rates, and the parameters that decay. */
export interface GroupOptions {
  readonly weightDecay: number
  readonly decay: DecayMode
  /**
   * Layer-wise learning-rate decay, as in BEiT and timm: each layer's rate is this factor times the next layer's; 1 for
   * none. The layers are the blocks, in the order of the parameters.
   */
  readonly layerDecay: number
  /**
   * Parameters that do not change. An entry is a parameter's name, a prefix that ends before a dot, such as `blocks.0`
   * or `patch_embed`, or `backbone`, which means all parameters but the head's.
   */
  readonly freeze: readonly string[]
  /**
   * Factors of the learning rate, by names or prefixes that end before a dot: DETR's backbone has `{ backbone: 0.1 }`.
   * If several entries match a parameter, their factors are multiplied.
   */
  readonly rates: Readonly<Record<string, number>>
}

export const groupFields: Readonly<Record<keyof GroupOptions, Field>> = {
  weightDecay: { kind: "number", from: 0 },
  decay: { kind: "choice", of: decayModeNames },
  layerDecay: { kind: "number", above: 0, to: 1 },
  freeze: { kind: "list", of: { kind: "text" } },
  rates: { kind: "record", of: { kind: "number", from: 0 } },
}

/** Parameters that share a learning rate and a weight decay. */
export interface ParameterGroup {
  readonly name: string
  /** Factor of the learning rate. */
  readonly scale: number
  readonly weightDecay: number
  readonly parameters: readonly Parameter[]
}

/**
 * Sorts the parameters that learn into groups. Computed tables and frozen norms never learn.
 * @throws VitrineError (config) for a name that matches no parameter, or if every parameter is frozen.
 */
export function parameterGroups(parameters: readonly Parameter[], options: GroupOptions): ParameterGroup[] {
  checkFields(groupFields, options)
  const { weightDecay, decay, layerDecay, freeze, rates } = options
  const below = (name: string, prefix: string): boolean => name === prefix || name.startsWith(`${prefix}.`)
  const matches = (name: string, pattern: string): boolean =>
    hasRow(frozenParts, pattern) ? frozenParts[pattern](name) : below(name, pattern)
  for (const pattern of freeze)
    if (!parameters.some(({ name }) => matches(name, pattern)))
      throw new VitrineError("config", `freeze: no parameter is named "${pattern}" or stands below it`)
  for (const prefix of Object.keys(rates))
    if (!parameters.some(({ name }) => below(name, prefix)))
      throw new VitrineError("config", `rates: no parameter is named "${prefix}" or stands below it`)

  const blocks = [...new Set(parameters.flatMap(({ name }) => blockOf(name) ?? []))]
  const groups = new Map<string, { scale: number; weightDecay: number; parameters: Parameter[] }>()
  for (const parameter of parameters) {
    const { name, role } = parameter
    if (role === "fixedPositions" || role === "frozen" || freeze.some((pattern) => matches(name, pattern))) continue
    const decays = decayModes[decay](role) ? weightDecay : 0
    const factor = Object.entries(rates).reduce(
      (product, [prefix, rate]) => product * (below(name, prefix) ? rate : 1),
      1,
    )
    const scale = factor * layerDecay ** (blocks.length + 1 - layerOf(name, blocks))
    const key = `${scale}/${decays}`
    const group = groups.get(key) ?? { scale, weightDecay: decays, parameters: [] }
    group.parameters.push(parameter)
    groups.set(key, group)
  }
  if (groups.size === 0) throw new VitrineError("config", "freeze: every parameter is frozen, nothing is left to train")
  return [...groups.values()].map((group, i) => ({ name: `group${i}`, ...group }))
}

/** Whether a parameter belongs to the layers that turn features into logits. */
export function isHead(name: string): boolean {
  return /^(head|head_dist|pre_logits)\./.test(name)
}

/** The block of a parameter, such as `blocks.3` or `stages.0.blocks.2`; undefined for the patch embedding. */
function blockOf(name: string): string | undefined {
  return /^(?!patch_embed\.)(.*\.\d+)\./.exec(name)?.[1]
}

/**
 * 0 for the embeddings, 1 … depth for the blocks, depth for the final norm, depth + 1 for the head and, as in timm, for the
 * frequencies of rotary positions.
 */
function layerOf(name: string, blocks: readonly string[]): number {
  const block = blockOf(name)
  if (block !== undefined) return blocks.indexOf(block) + 1
  if (name.startsWith("norm.")) return blocks.length
  return isHead(name) || /^(fc_norm|attn_pool|rope)\./.test(name) ? blocks.length + 1 : 0
}

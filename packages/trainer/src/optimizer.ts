import { checkFields, type Fields, type FieldValues, rowNames, showValue, VitrineError } from "@vitrine/core"
import * as optimizers from "./optimizers/index.ts"
import type { Optimizer } from "./optimizers/optimizer.ts"

/** The names of the optimizers. */
export type OptimizerName = keyof typeof optimizers

/** An optimizer by its name, with its settings. Names and defaults are PyTorch's. */
export type OptimizerOptions = {
  readonly [N in OptimizerName]: { readonly name: N } & FieldValues<(typeof optimizers)[N]["fields"]>
}[OptimizerName]

/** All optimizers. */
export const optimizerNames: readonly OptimizerName[] = rowNames(optimizers).toSorted()

interface AnyOptimizerKind {
  readonly fields: Fields
  create(settings: object): Optimizer
}

const kinds: ReadonlyMap<string, AnyOptimizerKind> = new Map<string, AnyOptimizerKind>(Object.entries(optimizers))

/**
 * Makes an optimizer.
 * @throws VitrineError (config) for an unknown name, and for settings that this optimizer does not have.
 */
export function optimizer({ name, ...settings }: OptimizerOptions): Optimizer {
  const kind = kinds.get(name)
  if (kind === undefined)
    throw new VitrineError(
      "config",
      `optimizer.name must be one of ${optimizerNames.join(", ")}, got ${showValue(name)}`,
    )
  checkFields(kind.fields, settings, "optimizer.")
  return kind.create(settings)
}

type Spellings = { readonly [N in OptimizerName]: keyof (typeof optimizers)[N]["spellings"] }

/** The spellings of all optimizers. They are the choices of the command's `--optimizer`. */
export type OptimizerSpelling = Spellings[OptimizerName]

const spellings: ReadonlyMap<string, OptimizerOptions> = new Map(
  Object.values(optimizers).flatMap((kind) => Object.entries<OptimizerOptions>(kind.spellings)),
)

const isSpelling = (name: string): name is OptimizerSpelling => spellings.has(name)

/** The names of optimizers on the command line, such as `momentum`, each with its options. */
export const optimizerSpellings: readonly OptimizerSpelling[] = [...spellings.keys()].filter(isSpelling).toSorted()

/**
 * The options of a spelling.
 * @throws VitrineError (config) for an unknown spelling.
 */
export function spelledOptimizer(spelling: OptimizerSpelling): OptimizerOptions {
  const options = spellings.get(spelling)
  if (options === undefined)
    throw new VitrineError(
      "config",
      `optimizer must be one of ${optimizerSpellings.join(", ")}, got ${showValue(spelling)}`,
    )
  return options
}

/**
 * Finds the spelling of options. It compares only which settings are present. A setting of 0 or false counts as absent.
 */
export function spellingOf(options: OptimizerOptions): OptimizerSpelling | undefined {
  const settings: Readonly<Record<string, unknown>> = options
  const size = (spelling: string): number => Object.keys(spellings.get(spelling) ?? {}).length
  return optimizerSpellings
    .filter((spelling) => {
      const spelled = spelledOptimizer(spelling)
      return spelled.name === options.name && Object.keys(spelled).every((field) => settings[field])
    })
    .reduce<OptimizerSpelling | undefined>((a, b) => (a === undefined || size(b) > size(a) ? b : a), undefined)
}

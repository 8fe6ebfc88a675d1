import { configError } from "./errors.ts"

/**
 * The number of groups of a model's group norms. Weights without a `config.json` do not determine it. Without a hint it
 * is 32, as in all published models.
 * @param widths the channels of the norms
 * @throws VitrineError (config) if there is no hint and 32 is impossible
 */
export function groupsOf(hint: number | undefined, widths: readonly number[], file: string): number {
  if (hint !== undefined) return hint
  const odd = widths.find((width) => width % 32 !== 0)
  if (odd !== undefined)
    throw configError(
      file,
      `the weights do not tell the groups of the group norms, which are not 32 as usual with ${odd} channels: say how many (--num-groups)`,
    )
  return 32
}

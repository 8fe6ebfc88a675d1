import { configError } from "./errors.ts"

/**
 * The groups of a model's group norms. Weights without a `config.json` do not tell them: without a hint they are 32, as in all
 * published models.
 * @param widths channels of the norms.
 * @throws VitrineError (config) if there is no hint and they cannot be 32.
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

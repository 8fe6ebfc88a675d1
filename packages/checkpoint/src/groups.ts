import { configError } from "./errors.ts"

/**
 * The groups of group norms, of which weights without a `config.json` tell nothing: 32, as in all published models, unless
 * told.
 * @param widths of what is normed.
 * @throws VitrineError (config) where they are not told and cannot be 32.
 */
export function groupsOf(told: number | undefined, widths: readonly number[], file: string): number {
  if (told !== undefined) return told
  const odd = widths.find((width) => width % 32 !== 0)
  if (odd !== undefined)
    throw configError(
      file,
      `the weights do not tell the groups of the group norms, which are not 32 as usual with ${odd} channels: say how many (--num-groups)`,
    )
  return 32
}

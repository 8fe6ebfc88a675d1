import { exitCodeOf } from "./errors.ts"
import { type Io, withIo } from "./output.ts"
import { program } from "./program.ts"

/**
 * Runs the command that `words` say and gives the exit code.
 * @param io where it writes; to the streams of this process unless told
 */
export async function main(words: readonly string[], io?: Io): Promise<number> {
  return withIo(io, async () => {
    const { cli, exitCode } = await program(words)
    try {
      await cli.parseAsync(words, { from: "user" })
      return exitCode()
    } catch (error) {
      return exitCodeOf(error, cli.args[0])
    }
  })
}

import { exitCodeOf } from "./errors.ts"
import { type Io, withIo } from "./output.ts"
import { program } from "./program.ts"

/**
 * Runs a command line, and returns the exit code.
 * @param io the streams; those of this process by default
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

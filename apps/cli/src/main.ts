import { exitCodeOf } from "./errors.ts"
import { onBrokenPipe } from "./output.ts"
import { program } from "./program.ts"

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error
  onBrokenPipe()
})
process.stderr.on("error", () => {})
process.on("uncaughtException", (error) => process.exit(exitCodeOf(error)))

const cli = program()
try {
  await cli.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error, cli.args[0])
}

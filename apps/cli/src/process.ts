import { exitCodeOf } from "./errors.ts"
import { main } from "./main.ts"
import { onBrokenPipe } from "./output.ts"

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A terminal that was closed answers EIO.
  if (error.code !== "EPIPE" && !(error.code === "EIO" && process.stdout.isTTY)) throw error
  onBrokenPipe()
})
process.stderr.on("error", () => {})
process.on("uncaughtException", (error) => process.exit(exitCodeOf(error)))
process.exitCode = await main(process.argv.slice(2))

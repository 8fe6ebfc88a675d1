import { exitCodeOf, outputFault } from "./errors.ts"
import { main } from "./main.ts"
import { onReaderLeft } from "./output.ts"

let faulty = false
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A closed terminal answers EIO.
  if (error.code === "EPIPE" || (error.code === "EIO" && process.stdout.isTTY)) return onReaderLeft(0)
  if (!faulty) exitCodeOf(outputFault(error))
  faulty = true
  onReaderLeft(1)
})
process.stderr.on("error", () => {})
process.on("uncaughtException", (error) => process.exit(exitCodeOf(error)))
const code = await main(process.argv.slice(2))
process.exitCode = faulty ? 1 : code

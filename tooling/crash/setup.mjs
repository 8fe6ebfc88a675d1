// `vitrine setup node-cpu` with files of our own in the place of TensorFlow's: node setup.mjs FILES, a JSON of SetupFiles.
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"

const folder = dirname(createRequire(import.meta.url).resolve("@vitrine/backend-node-gpu/package.json"))
const { setupFrom } = await import(pathToFileURL(join(folder, "dist/setup/setup.js")).href)
const { wheels, sources } = JSON.parse(process.argv[2] ?? "")
try {
  await setupFrom("node-cpu", { wheels: () => wheels, sources }, {})
} catch (error) {
  console.error(Symbol.for("vitrine.error") in error ? `vitrine: ${error.message}` : error)
  process.exitCode = 1
}

// Publishes the packages of this build to a registry on this machine, and keeps it open: for whoever wants to install
// them as a user does. Other packages come from npm's registry through it.
//
//     node tooling/release/registry.mjs [--port 4873]
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { staleFaults } from "./src/faults.mjs"
import { publicPackages } from "./src/packages.mjs"
import { publishBuild } from "./src/registry.mjs"

const { values } = parseArgs({ options: { port: { type: "string", default: "4873" } } })
for (const line of await staleFaults(publicPackages().map(({ folder }) => folder))) console.error(`wrong: ${line}`)
const folder = mkdtempSync(join(tmpdir(), "vitrine-registry-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0))

const { packed, registry } = await publishBuild(folder, Number(values.port)).catch(({ message }) => {
  console.error(`registry: ${message}`)
  process.exit(1)
})
console.log(`${packed.length} packages at ${registry.url}

export npm_config_registry=${registry.url}
ONNXRUNTIME_NODE_INSTALL=skip npx @vitrine/cli demo`)

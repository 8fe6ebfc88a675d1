// node ../../tooling/bundle/main.mjs, in a package's folder: joins its compiled modules for Node.
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleOf } from "./bundle.mjs"

const files = await bundleOf(process.cwd())
const folder = join("dist", "bundle")
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const [name, code] of files) writeFileSync(join(folder, name), code)

#!/usr/bin/env node
import { existsSync } from "node:fs"
import module from "node:module"

const entry = new URL("../dist/bundle/process.js", import.meta.url)
if (!existsSync(entry)) {
  console.error("vitrine is not built yet: run `npm run setup && npm run build` in the repository's root")
  process.exit(1)
}
// From Node 22.8 on; a second start is faster by what it takes to compile.
module.enableCompileCache?.()
await import(entry.href).catch((error) => {
  if (error.code !== "EMFILE") throw error
  console.error("vitrine: this shell lets a process open too few files; raise it: ulimit -n 1024")
  process.exitCode = 1
})

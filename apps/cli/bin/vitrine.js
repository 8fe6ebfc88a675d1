#!/usr/bin/env node
import { existsSync } from "node:fs"

const main = new URL("../dist/main.js", import.meta.url)
if (!existsSync(main)) {
  console.error("vitrine is not built yet: run `npm run setup && npm run build` in the repository's root")
  process.exit(1)
}
await import(main.href)

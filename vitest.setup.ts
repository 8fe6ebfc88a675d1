import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { configureGlobal } from "fast-check"

// Property tests draw the same inputs each time. `SEED=… npm run test:long` draws others.
configureGlobal({ seed: Number(process.env.SEED ?? 1) })

const oneThread = fileURLToPath(new URL("vitest.one-thread.cjs", import.meta.url))
createRequire(import.meta.url)(oneThread)
// Worker threads load it too.
const option = `--require=${JSON.stringify(oneThread)}`
const options = process.env.NODE_OPTIONS ?? ""
if (!options.includes(option)) process.env.NODE_OPTIONS = `${options} ${option}`

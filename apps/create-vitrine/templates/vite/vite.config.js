import { defineConfig } from "vite"

// With these, the engine has more than one thread. The host of the built page has to send them too.
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }

export default defineConfig({ server: { headers }, preview: { headers }, build: { target: "es2022" } })

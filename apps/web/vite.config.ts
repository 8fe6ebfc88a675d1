import { readFileSync } from "node:fs"
import { defaultClientConditions, defineConfig } from "vite"
import { mathml } from "./build/mathml.ts"
import { pages } from "./build/pages.ts"

/** The headers that every host has to send, from the file that static hosts read. */
const headers: Record<string, string> = Object.fromEntries(
  readFileSync(new URL("public/_headers", import.meta.url), "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, name, value] = /^\s+([\w-]+): (.+)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value]]
    }),
)

/** In development, vite itself puts styles and scripts into the page. */
const { "Content-Security-Policy": _, ...relaxed } = headers

export default defineConfig({
  plugins: [mathml(), pages()],
  resolve: { conditions: ["@vitrine/source", ...defaultClientConditions] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  worker: { format: "es" },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { headers: relaxed, port: 5173 },
  preview: { headers, port: 4173 },
})

import { readFileSync } from "node:fs"
import { defaultClientConditions, defineConfig, type Plugin } from "vite"
import { mathml } from "./build/mathml.ts"
import { ownPageScript } from "./build/own-page.ts"
import { backbone, pages } from "./build/pages.ts"

/** Headers for paths of the site. */
interface PathHeaders {
  /** The start of the paths. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The headers that a host must send, from the file that static hosts read. A path gets the headers of every pattern
 * that matches it.
 */
const parts: readonly PathHeaders[] = readFileSync(new URL("public/_headers", import.meta.url), "utf8")
  .split(/\n(?=\/)/)
  .map((part) => {
    const [path = "", ...lines] = part.trim().split("\n")
    const headers = lines.map((line) => line.trim().split(/: (.*)/s, 2))
    return { path: path.replace(/\*$/, ""), headers: Object.fromEntries(headers) }
  })

/** In development, vite itself puts styles and scripts into the page. */
const { "Content-Security-Policy": _, ...relaxed } = parts[0]?.headers ?? {}

/** Sends the headers with the built site, as static hosts do. */
const hostHeaders: Plugin = {
  name: "vitrine:headers",
  configurePreviewServer(server) {
    server.middlewares.use((request, response, next) => {
      for (const { path, headers } of parts)
        if (request.url?.startsWith(path))
          for (const [name, value] of Object.entries(headers)) response.appendHeader(name, value)
      next()
    })
  },
}

export default defineConfig({
  plugins: [mathml(), backbone(), pages(), hostHeaders],
  resolve: { conditions: ["@vitrine/source", ...defaultClientConditions] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  worker: { format: "es", plugins: () => [ownPageScript()] },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { headers: relaxed, port: 5173 },
  preview: { port: 4173 },
})

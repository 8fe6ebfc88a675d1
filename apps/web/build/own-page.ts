import { defaultClientConditions, build, type Plugin } from "vite"

const id = "virtual:own-page"

/** Engines that a page of one's own does without: it computes in plain TypeScript. */
const engines = /^(onnxruntime-web.*|@vitrine\/backend-(onnx\/.*|webgpu(\/.*)?))$/

/** Imports of `virtual:own-page` are the script of pages with a model in them, as text. */
export function ownPageScript(): Plugin {
  return {
    name: "vitrine:own-page",
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    async load(source) {
      if (source !== `\0${id}`) return undefined
      const result = await build({
        configFile: false,
        logLevel: "error",
        publicDir: false,
        resolve: { conditions: ["@vitrine/source", ...defaultClientConditions] },
        plugins: [withoutEngines],
        build: {
          write: false,
          target: "es2022",
          rollupOptions: { shimMissingExports: true },
          lib: { entry: new URL("../src/own-page/main.ts", import.meta.url).pathname, formats: ["iife"], name: "page" },
        },
      })
      const [first] = Array.isArray(result) ? result : []
      const [chunk] = first?.output ?? []
      if (chunk?.type !== "chunk") throw new Error("the script of one's own page was not built")
      // The text stands within a script element, which these would end or turn into a comment.
      const code = chunk.code.replaceAll(/<(?=\/script|!--)/gi, "\\x3c")
      return `export default ${JSON.stringify(code)}`
    },
  }
}

const withoutEngines: Plugin = {
  name: "vitrine:without-engines",
  enforce: "pre",
  resolveId: (source) => (engines.test(source) ? `\0none:${source}` : undefined),
  load: (source) => (source.startsWith("\0none:") ? "export default {}" : undefined),
}

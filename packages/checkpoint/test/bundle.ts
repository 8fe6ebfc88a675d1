import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Makes one script of a TypeScript file and all that it imports, for a process of its own; gives the script's path. */
export async function bundle(source: string, folder: string): Promise<string> {
  const name = basename(source).replace(/\.ts$/, ".mjs")
  await build({
    configFile: false,
    logLevel: "silent",
    root: path(".."),
    ssr: { noExternal: true, resolve: { conditions: ["@vitrine/source", "node", "import", "default"] } },
    build: {
      ssr: source,
      outDir: folder,
      emptyOutDir: false,
      target: "node20",
      rollupOptions: { output: { entryFileNames: name } },
    },
  })
  return join(folder, name)
}

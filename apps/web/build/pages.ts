import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import type { Plugin } from "vite"

const publicFolder = new URL("../public", import.meta.url).pathname

/** The files that are served as they are: all but the one that only hosts read. */
function publicFiles(): string[] {
  const files = readdirSync(publicFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => relative(publicFolder, join(entry.parentPath, entry.name)).split(sep).join("/"))
  return paths.filter((path) => path !== "_headers").sort()
}

const rooms = ["train", "inspect", "detect"]

/**
 * Makes the build a site for any static host: adds a page for each room, and a service worker with the list of all files
 * and their common hash.
 */
export function pages(): Plugin {
  let base = "/"
  return {
    name: "vitrine:pages",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      base = config.base
    },
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const page = bundle["index.html"]
        if (page?.type !== "asset") throw new Error("the build has no index.html")
        // The values of the first figure are on their way before the script asks for them.
        const first = Object.keys(bundle).find((file) => /^assets\/first-.*\.json$/.test(file))
        if (first === undefined) throw new Error("the build has no values of the first figure")
        for (const room of rooms) this.emitFile({ type: "asset", fileName: `${room}/index.html`, source: page.source })
        const preload = `<link rel="preload" href="${base}${first}" as="fetch" crossorigin />`
        page.source = String(page.source).replace("<script", `${preload}\n    <script`)
        const assets = Object.keys(bundle).filter((file) => file.startsWith("assets/"))
        const files = ["", ...rooms.map((room) => `${room}/`), ...assets]
        const hash = createHash("sha256").update(String(page.source)).update(assets.join())
        const served = publicFiles()
        for (const file of served) hash.update(readFileSync(join(publicFolder, file)))
        const all = [...files, ...served].map((file) => base + file)
        const version = hash.digest("hex").slice(0, 16)
        const script = readFileSync(new URL("service-worker.js", import.meta.url), "utf8")
        const constants = { prefix: `vitrine ${base} `, version, files: all }
        const head = Object.entries(constants).map(([name, value]) => `const ${name} = ${JSON.stringify(value)}\n`)
        this.emitFile({ type: "asset", fileName: "service-worker.js", source: head.join("") + script })
      },
    },
  }
}

import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join, relative, sep } from "node:path"
import type { Plugin, Rolldown } from "vite"

const publicFolder = new URL("../public", import.meta.url).pathname

/** The model whose features the Train room teaches comes with the recipes, where the command has it too. */
const backboneFolder = new URL("../../../recipes/models/cifar10-hybrid", import.meta.url).pathname

const backboneFiles = ["config.json", "model.safetensors", "about.json"].map(
  (name) => [`backbone/${name}`, join(backboneFolder, name)] as const,
)

/** The files that are served as they are, by their paths on the site: all but the one that only hosts read. */
function servedFiles(): ReadonlyMap<string, string> {
  const files = readdirSync(publicFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  const ofPublic = paths.map((file) => [relative(publicFolder, file).split(sep).join("/"), file] as const)
  const named = [...ofPublic, ...backboneFiles].filter(([path]) => path !== "_headers")
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Serves the files of the backbone in development, and copies them into the build. */
export function backbone(): Plugin {
  return {
    name: "vitrine:backbone",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const [, file] = backboneFiles.find(([path]) => request.url === `${server.config.base}${path}`) ?? []
        if (file === undefined) next()
        else response.end(readFileSync(file))
      })
    },
    generateBundle() {
      for (const [fileName, file] of backboneFiles)
        this.emitFile({ type: "asset", fileName, source: readFileSync(file) })
    },
  }
}

/** The bytes of a file of the build. */
function sizeOf(file: Rolldown.OutputBundle[string] | undefined): number {
  if (file === undefined) return 0
  return Buffer.byteLength(file.type === "chunk" ? file.code : file.source)
}

/** What other sites show of a link to the site, which is at this address. */
function cards(site: string): string[] {
  const tags = {
    "og:type": "website",
    "og:url": site,
    "og:title": "How a Vision Transformer sees",
    "og:description": "From pixels to probabilities, on values computed in the page.",
    "og:image": `${site}picture.png`,
    "og:image:width": "1200",
    "og:image:height": "630",
  }
  const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;")
  const properties = Object.entries(tags).map(
    ([name, text]) => `<meta property="${name}" content="${escaped(text)}" />`,
  )
  return [...properties, '<meta name="twitter:card" content="summary_large_image" />']
}

const rooms = ["train", "inspect", "detect"]

/**
 * Makes the build a site for any static host: adds a page for each room, the early request of the first figure's values, and
 * a service worker with the list of all files and their common hash.
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
        const assets = Object.keys(bundle).filter((file) => file.startsWith("assets/"))
        const served = servedFiles()
        const sizes = [
          ...assets.map((file) => sizeOf(bundle[file])),
          ...Array.from(served.values(), (file) => statSync(file).size),
        ]
        const head = [
          `<link rel="preload" href="${base}${first}" as="fetch" crossorigin />`,
          `<meta name="site-bytes" content="${sizes.reduce((a, b) => a + b, 0)}" />`,
        ]
        const site = process.env.VITRINE_SITE_URL
        if (site !== undefined) head.push(...cards(site))
        page.source = String(page.source).replace("<script", `${head.join("\n    ")}\n    <script`)
        for (const room of rooms) this.emitFile({ type: "asset", fileName: `${room}/index.html`, source: page.source })
        const hash = createHash("sha256").update(page.source).update(assets.join())
        for (const file of served.values()) hash.update(readFileSync(file))
        const version = hash.digest("hex").slice(0, 16)
        const shell = ["", ...rooms.map((room) => `${room}/`), "icon.svg", "manifest.webmanifest"]
        const files = new Set([...shell, ...assets, ...served.keys()])
        const addresses = (names: Iterable<string>): string[] => Array.from(names, (file) => base + file)
        const script = readFileSync(new URL("service-worker.js", import.meta.url), "utf8")
        const constants = { prefix: `vitrine ${base} `, version, shell: addresses(shell), files: addresses(files) }
        const lines = Object.entries(constants).map(([name, value]) => `const ${name} = ${JSON.stringify(value)}\n`)
        this.emitFile({ type: "asset", fileName: "service-worker.js", source: lines.join("") + script })
      },
    },
  }
}

import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import type { Plugin } from "vite"

const rooms = ["train", "inspect"]

/**
 * What makes the build a site for any static host: a page for each room, and a service worker that knows all files of
 * the build by their hash.
 */
export function pages(): Plugin {
  return {
    name: "vitrine:pages",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const page = bundle["index.html"]
        if (page?.type !== "asset") throw new Error("the build has no index.html")
        for (const room of rooms) this.emitFile({ type: "asset", fileName: `${room}/index.html`, source: page.source })
        const built = Object.keys(bundle).filter((file) => file.startsWith("assets/"))
        const files = ["/", ...rooms.map((room) => `/${room}/`), ...built.map((file) => `/${file}`)]
        const kept = [...files, "/model/config.json", "/model/model.safetensors", "/manifest.webmanifest", "/icon.svg"]
        const version = createHash("sha256").update(String(page.source)).update(built.join()).digest("hex").slice(0, 16)
        const script = readFileSync(new URL("service-worker.js", import.meta.url), "utf8")
        const head = `const version = ${JSON.stringify(version)}\nconst files = ${JSON.stringify(kept)}\n`
        this.emitFile({ type: "asset", fileName: "service-worker.js", source: head + script })
      },
    },
  }
}

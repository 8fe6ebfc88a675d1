import temml from "temml"
import type { Plugin } from "vite"

/**
 * Imports of `*.tex` become records of MathML by name, so that the page needs no typesetter. Each line of the file is
 * `name: formula`, with `#` for comments. Temml writes a few inline styles, which the content-security-policy forbids.
 */
export function mathml(): Plugin {
  return {
    name: "vitrine:mathml",
    transform(source, id) {
      if (!id.endsWith(".tex")) return undefined
      const formulas: Record<string, string> = {}
      for (const line of source.split("\n")) {
        const [, name, tex] = /^(\w+):\s+(.+)$/.exec(line) ?? []
        if (name === undefined || tex === undefined) continue
        const displayMode = !name.endsWith("Inline")
        formulas[name] = temml.renderToString(tex, { displayMode, throwOnError: true }).replace(/ style="[^"]*"/g, "")
      }
      return { code: `export default ${JSON.stringify(formulas)}`, map: null }
    },
  }
}

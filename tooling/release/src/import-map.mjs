import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { blocks } from "./documents.mjs"
import { requests } from "./modules.mjs"

/** The import map that the documents show, by specifier. */
export function documentedMap() {
  const page = blocks("docs/how-to/cdn.md").find(({ text }) => text.includes("importmap"))?.text ?? ""
  return JSON.parse(/<script type="importmap">(.*?)<\/script>/s.exec(page)?.[1] ?? "{}").imports
}

/**
 * What is wrong with an import map for the modules of an app, one line each: imports that it lacks, paths that do not
 * exist, files that are no ES modules, and entries that nothing imports. The app's own imports are `entries`.
 */
export function mapFaults(app, map, entries) {
  const lines = []
  const used = new Set(entries)
  const seen = new Set()
  const queue = entries.map((entry) => [entry, "the page"])
  for (const [specifier, importer] of queue) {
    const path = specifier.startsWith("/") ? specifier : target(app, map, specifier, used)
    if (path === undefined) lines.push(`${importer} imports ${specifier}, which the map lacks`)
    if (path === undefined || seen.has(path)) continue
    seen.add(path)
    if (!existsSync(path)) {
      lines.push(`${specifier} is mapped to a file that is not there`)
      continue
    }
    const source = readFileSync(path, "utf8")
    const { hasModuleSyntax, specifiers } = requests(path, source)
    if (!hasModuleSyntax) lines.push(`${specifier} is no ES module`)
    for (const name of specifiers) queue.push([name.startsWith(".") ? resolve(path, "..", name) : name, path])
  }
  return [
    ...lines,
    ...Object.keys(map)
      .filter((key) => !used.has(key))
      .map((key) => `nothing imports ${key}`),
  ]
}

/** The file of a specifier by an import map: an entry of that name, or a folder. */
function target(app, map, specifier, used) {
  const key = Object.keys(map).find((each) => each === specifier || (each.endsWith("/") && specifier.startsWith(each)))
  if (key === undefined) return undefined
  used.add(key)
  return join(app, map[key] + specifier.slice(key.length))
}

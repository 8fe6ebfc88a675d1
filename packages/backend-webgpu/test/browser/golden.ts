import type { Golden } from "@vitrine/golden"
import { parseTensors } from "@vitrine/golden/tensors"
import { commands } from "vitest/browser"

declare global {
  interface ImportMeta {
    /** The modules that fit a pattern, by path; Vite replaces the call. */
    glob(pattern: string): Record<string, unknown>
  }
}

// The path is relative to the package.
const files = "../../tooling/golden/files"

async function golden(name: string): Promise<Golden> {
  const text = await commands.readFile(`${files}/${name}.json`)
  const bytes = await commands.readFile(`${files}/${name}.safetensors`, { encoding: "base64" })
  const decoded = Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0))
  return { json: JSON.parse(text), tensors: parseTensors(decoded, name) }
}

const allNames = Object.keys(import.meta.glob("../../../../tooling/golden/files/training-*.json")).map((path) =>
  path.slice(path.lastIndexOf("/") + 1, -".json".length),
)

/** Golden trainings by name: all of them, or those of these names. */
export function runsOf(...names: string[]): Record<string, () => Promise<Golden>> {
  return Object.fromEntries((names.length === 0 ? allNames : names).map((name) => [name, () => golden(name)]))
}

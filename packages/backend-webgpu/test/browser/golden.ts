import type { Golden } from "@vitrine/golden"
import { parseTensors } from "@vitrine/golden/tensors"
import { commands } from "vitest/browser"

declare global {
  interface ImportMeta {
    /** Vite's: the modules that fit a pattern, by path. */
    glob(pattern: string): Record<string, unknown>
  }
}

// As seen from the package.
const files = "../../tooling/golden/files"

const runs = Object.keys(import.meta.glob("../../../../tooling/golden/files/training-*.json"))

async function golden(name: string): Promise<Golden> {
  const text = await commands.readFile(`${files}/${name}.json`)
  const bytes = await commands.readFile(`${files}/${name}.safetensors`, { encoding: "base64" })
  const decoded = Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0))
  return { json: JSON.parse(text), tensors: parseTensors(decoded, name) }
}

/** All golden trainings, by name. */
export const trainings: Readonly<Record<string, () => Promise<Golden>>> = Object.fromEntries(
  runs.map((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1, -".json".length)
    return [name, () => golden(name)]
  }),
)

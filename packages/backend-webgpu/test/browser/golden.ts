/// <reference types="vite/client" />
import type { Golden } from "@vitrine/golden"
import { parseTensors } from "@vitrine/golden/tensors"
import { commands } from "vitest/browser"

// The path is relative to the package.
const files = "../../tooling/golden/files"

async function golden(name: string): Promise<Golden> {
  const text = await commands.readFile(`${files}/${name}.json`)
  const bytes = await commands.readFile(`${files}/${name}.safetensors`, { encoding: "base64" })
  const decoded = Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0))
  return { json: JSON.parse(text), tensors: parseTensors(decoded, name) }
}

const namesOf = (files: Record<string, unknown>): string[] =>
  Object.keys(files).map((path) => path.slice(path.lastIndexOf("/") + 1, -".json".length))

/** The names of all golden trainings. */
export const trainings: readonly string[] = namesOf(
  import.meta.glob("../../../../tooling/golden/files/training-*.json"),
)

/** The names of golden models with 1,024 patches. */
export const largeModels: readonly string[] = namesOf(import.meta.glob("../../../../tooling/golden/files/large-*.json"))

/** Golden files of these names. */
export const goldens = (...names: readonly string[]): Record<string, () => Promise<Golden>> =>
  Object.fromEntries(names.map((name) => [name, () => golden(name)]))

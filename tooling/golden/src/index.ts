import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type GoldenTensor, parseTensors } from "./tensors.ts"

export { apart } from "./compare.ts"
export type { GoldenTensor } from "./tensors.ts"

/** A golden file: the document, and the tensors of the safetensors file beside it if there is one. */
export interface Golden {
  // The documents have many forms, which the README describes.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any
  readonly tensors: Readonly<Record<string, GoldenTensor>>
}

/** The absolute path of a file or folder under `files/`, such as `vit-folder-tiny/wide-rgb.png`. */
export function goldenPath(path: string): string {
  return fileURLToPath(new URL(`../files/${path}`, import.meta.url))
}

/** The sorted names that begin with `prefix`, such as `goldenNames("vit-")`. `golden` reads files by these names. */
export function goldenNames(prefix = ""): string[] {
  const files = readdirSync(goldenPath(""))
  return files.flatMap((file) => (file.endsWith(".json") && file.startsWith(prefix) ? [file.slice(0, -5)] : [])).sort()
}

/** Reads `NAME.json` and `NAME.safetensors`. Only the files of this package are trusted enough. */
export function golden(name: string): Golden {
  const tensorFile = goldenPath(`${name}.safetensors`)
  return {
    json: JSON.parse(readFileSync(goldenPath(`${name}.json`), "utf8")),
    tensors: existsSync(tensorFile) ? readTensors(tensorFile) : {},
  }
}

/** A tensor of a golden file. */
export function tensor({ tensors }: Golden, name: string): GoldenTensor {
  const value = tensors[name]
  if (value === undefined) throw new Error(`no tensor ${name}`)
  return value
}

/** The tensors of a trusted safetensors file, by name. */
export function readTensors(file: string): Record<string, GoldenTensor> {
  const { buffer, byteOffset, byteLength } = readFileSync(file)
  return parseTensors(new Uint8Array(buffer, byteOffset, byteLength), file)
}

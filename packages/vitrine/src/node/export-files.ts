import { basename, resolve } from "node:path"
import type { Overrides } from "@vitrine/checkpoint"
import { runOfCheckpoint, writeFileAtomic, writeModelFolder } from "@vitrine/checkpoint/node"
import type { ExportedFiles, ExportFormat } from "../export.ts"

/** Options of writing a model for another library. */
export interface ExportOptions extends ExportFormat, Overrides {
  /**
   * The folder to write, or for ONNX a file that ends in `.onnx`. The default is `NAME-TO` in the working directory.
   */
  readonly out?: string | undefined
  /** Whether to replace an existing file, or a folder with an export. */
  readonly force?: boolean | undefined
  /** For a detector's weights without a `config.json`: whether the backbone's last stage is dilated (DC5). */
  readonly dilated?: boolean | undefined
}

/** What was written. */
export interface ExportResult {
  /** The absolute path of the folder or of the `.onnx` file. */
  readonly path: string
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  /** What the other library lacks or does differently, a line each. */
  readonly notes: readonly string[]
}

/** A model to export. */
export interface ExportSource {
  /** The path of its files on this machine. */
  readonly path: string
  /** The path or the hub's name that the user gave. */
  readonly name: string
}

const byteLength = (chunks: readonly Uint8Array[]): number => chunks.reduce((total, { length }) => total + length, 0)

/** @throws VitrineError (file) for a folder that cannot be written, or that contains other files */
export async function writeFolder(
  out: string,
  { files, notes }: ExportedFiles,
  replace: boolean,
): Promise<ExportResult> {
  await writeModelFolder(out, files, { replace })
  return { path: out, files: Array.from(files, ([path, chunks]) => ({ path, bytes: byteLength(chunks) })), notes }
}

/** @throws VitrineError (file) for a file that cannot be written, or that exists */
export async function writeOnnx(
  out: string,
  chunks: readonly Uint8Array[],
  notes: readonly string[],
  replace: boolean,
): Promise<ExportResult> {
  await writeFileAtomic(out, chunks, { replace })
  return { path: out, files: [{ path: basename(out), bytes: byteLength(chunks) }], notes }
}

/** The name of an export: the last part of a path without its extension, or of the hub's name without its revision. */
export function exportName({ name }: ExportSource): string {
  const path = name.startsWith("hf:") ? name.replace(/@[^@]*$/, "") : resolve(name)
  const run = runOfCheckpoint(path)
  return (run === undefined ? basename(path) : `${basename(run)}-${basename(path)}`).replace(/\.(npz|safetensors)$/, "")
}

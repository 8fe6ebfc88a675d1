import { stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { openSafetensors, readJson, runOfCheckpoint } from "@vitrine/checkpoint/node"
import { type BackendChoice, openBackend } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"
import { decode, type ImageInput } from "../../../node/image.ts"
import { createReader, type Reader, readerRecord, type WholeReader, wholeReader } from "../reader.ts"

/** Options of loading a model that reads. */
export interface LoadReaderOptions extends BackendChoice {}

/**
 * Loads a model that reads, from a run folder.
 *
 *     const reader = await loadReader("runs/mnist-1")
 *     console.log((await reader.read(["row.png"]))[0][0].text)
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function loadReader(path: string, options: LoadReaderOptions = {}): Promise<Reader<ImageInput>> {
  const reader = await readReader((await locate(path)).path)
  const { backend, close } = await openBackend(options)
  return createReader({ ...reader, name: path, backend, decode, close })
}

/** @throws VitrineError (file, config) for a folder that is missing or broken, or contains another kind of model */
export async function readReader(path: string): Promise<WholeReader> {
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => true,
  )
  const folder = isFolder ? path : dirname(path)
  const file = join(runOfCheckpoint(folder) ?? folder, "config.json")
  const json: unknown = await readJson(file).catch(() => null)
  // Without a record there may be no weights to open.
  readerRecord(json, path, file)
  const weights = await openSafetensors(join(folder, "model.safetensors"))
  return wholeReader(json, weights, { name: path, file, path: weights.path }).finally(weights.close)
}

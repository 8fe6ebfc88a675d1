import { openWeights } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { locateModel, type ModelSource } from "../../../web/files.ts"
import { decode, type ImageInput } from "../../../web/image.ts"
import { createReader, type Reader, readerRecord, wholeReader } from "../reader.ts"

/**
 * Loads a model that reads in a page, from a run folder: its address, or its files.
 *
 *     const reader = await loadReader("/models/rows/")
 *     console.log((await reader.read([document.querySelector("img")]))[0][0].text)
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault
 */
export async function loadReader(source: ModelSource, options: BackendChoice = {}): Promise<Reader<ImageInput>> {
  const location = await locateModel(source)
  const { name } = location
  if (location.kind === "npz") throw new VitrineError("file", `${name}: holds no model that reads: those are folders`)
  const { folder, weightsFile = "model.safetensors" } = location
  const file = folder.nameOf("config.json")
  const json = await folder.json("config.json")
  readerRecord(json, name, file)
  const { weights, name: path } = await openWeights(folder, weightsFile)
  const reader = await wholeReader(json, weights, { name, file, path })
  const { backend, close } = await openBackend(options)
  return createReader({ ...reader, name, backend, decode, close })
}

import { mkdir } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { fileError, shown } from "../errors.ts"
import { explaining, isSystemError, makeFolder, pathsBelow, writeFolderAtomic, writeNewFile } from "./files.ts"

/** The files of an exported model. A folder with other files is not replaced. */
const modelFile = /^(config\.json|preprocessor_config\.json|model\.safetensors|onnx(\/model[\w.]*)?)$/

/**
 * Writes the files of a model into a folder, whole or not at all.
 * @param files the contents in pieces, by their paths in the folder
 * @param replace whether a folder with only an exported model may be replaced
 * @throws VitrineError (file) for a folder that is not empty and may not be replaced, or that cannot be written
 */
export async function writeModelFolder(
  path: string,
  files: ReadonlyMap<string, Iterable<Uint8Array>>,
  { replace = false }: { readonly replace?: boolean } = {},
): Promise<void> {
  const names = await explaining(path, "write", () =>
    pathsBelow(path).catch((error) => {
      if (isSystemError(error, "ENOENT")) return []
      throw error
    }),
  )
  const stranger = names.map((name) => name.replaceAll("\\", "/")).find((name) => !modelFile.test(name))
  if (stranger !== undefined)
    throw fileError(path, `holds ${shown(stranger)}, which is no part of an exported model: choose another folder`)
  if (names.length > 0 && !replace)
    throw fileError(path, "holds a model already: choose another folder, or replace it (--force)")
  await explaining(path, "write", () => makeFolder(dirname(resolve(path))))
  await writeFolderAtomic(path, async (folder) => {
    for (const [file, chunks] of files) {
      const target = join(folder, file)
      if (dirname(target) !== folder) await mkdir(dirname(target), { recursive: true })
      await writeNewFile(target, chunks)
    }
  })
}

import { createWriteStream } from "node:fs"
import { mkdir } from "node:fs/promises"
import { dirname, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { VitrineError } from "@vitrine/core"
import { openPromise } from "yauzl"

/**
 * Unpacks those entries of a wheel for which `place` returns a path, which is relative to `folder`.
 * @throws VitrineError (file) for an unreadable wheel; yauzl refuses names that lead out of the folder.
 */
export async function unpack(
  wheel: string,
  folder: string,
  place: (name: string) => string | undefined,
): Promise<void> {
  try {
    const zip = await openPromise(wheel, { lazyEntries: true, strictFileNames: true })
    for await (const entry of zip.eachEntry()) {
      const path = entry.fileName.endsWith("/") ? undefined : place(entry.fileName)
      if (path === undefined) continue
      const target = join(folder, path)
      await mkdir(dirname(target), { recursive: true })
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target))
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC")
      throw new VitrineError("file", `the disk is full: ${folder} could not be written`, { cause: error })
    throw new VitrineError("file", `${wheel} cannot be unpacked: ${(error as Error).message}`, { cause: error })
  }
}

import { VitrineError } from "@vitrine/core"

/** A folder of the site's private file system, which outlives the page. */
export interface DiskFolder {
  readonly name: string
  /** Whole or not at all. */
  write(path: string, data: Uint8Array | Blob): Promise<void>
  /** All files by their path. */
  files(): Promise<Record<string, File>>
  /** The same, in memory. */
  read(): Promise<Record<string, Uint8Array>>
  remove(path: string): Promise<void>
}

/** Runs, and files that the reader lets us keep. */
type Shelf = "runs" | "kept"

async function root(shelf: Shelf): Promise<FileSystemDirectoryHandle> {
  const disk = await navigator.storage.getDirectory()
  return disk.getDirectoryHandle(shelf, { create: true })
}

/** The names of all folders. */
export async function listFolders(shelf: Shelf = "runs"): Promise<string[]> {
  const names: string[] = []
  for await (const [name, entry] of (await root(shelf)).entries()) if (entry.kind === "directory") names.push(name)
  return names.sort()
}

export async function openFolder(name: string, shelf: Shelf = "runs"): Promise<DiskFolder> {
  const folder = await (await root(shelf)).getDirectoryHandle(name, { create: true })
  const within = async (path: string): Promise<readonly [FileSystemDirectoryHandle, string]> => {
    const parts = path.split("/")
    const file = parts.pop() as string
    let at = folder
    for (const part of parts) at = await at.getDirectoryHandle(part, { create: true })
    return [at, file]
  }
  const files = async (): Promise<Record<string, File>> => {
    const found: Record<string, File> = {}
    const visit = async (at: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
      for await (const [entry, handle] of at.entries())
        if (handle.kind === "directory") await visit(handle, `${prefix}${entry}/`)
        else found[`${prefix}${entry}`] = await handle.getFile()
    }
    await visit(folder, "")
    return found
  }
  return {
    name,
    files,
    async write(path, data) {
      const [at, file] = await within(path)
      try {
        const writable = await (await at.getFileHandle(file, { create: true })).createWritable()
        await writable.write(data as Blob | Uint8Array<ArrayBuffer>)
        await writable.close()
      } catch (cause) {
        throw new VitrineError("file", `${path}: cannot be written (${(cause as Error).message})`, { cause })
      }
    },
    async read() {
      const bytes: Record<string, Uint8Array> = {}
      for (const [path, file] of Object.entries(await files())) bytes[path] = new Uint8Array(await file.arrayBuffer())
      return bytes
    },
    async remove(path) {
      const [at, entry] = await within(path)
      await at.removeEntry(entry, { recursive: true }).catch((error: Error) => {
        if (error.name !== "NotFoundError") throw error
      })
    },
  }
}

export async function removeFolder(name: string, shelf: Shelf = "runs"): Promise<void> {
  await (await root(shelf)).removeEntry(name, { recursive: true })
}

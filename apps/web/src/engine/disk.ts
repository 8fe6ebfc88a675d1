import { VitrineError } from "@vitrine/core"

/** A folder in the site's private file system. It stays when the page is closed. */
export interface DiskFolder {
  readonly name: string
  /**
   * Writes the whole file or nothing.
   * @throws VitrineError (file) if the disk is full
   */
  write(path: string, data: Uint8Array<ArrayBuffer> | Blob): Promise<void>
  /** All files by their paths. */
  files(): Promise<Record<string, File>>
  /** The bytes of all files by their paths. */
  read(): Promise<Record<string, Uint8Array<ArrayBuffer>>>
  remove(path: string): Promise<void>
}

/** `runs` holds training runs. `kept` holds dropped files that the browser keeps with the reader's consent. */
type Shelf = "runs" | "kept"

async function root(shelf: Shelf): Promise<FileSystemDirectoryHandle> {
  const disk = await navigator.storage.getDirectory()
  return disk.getDirectoryHandle(shelf, { create: true })
}

/** The names of all folders, sorted. */
export async function listFolders(shelf: Shelf = "runs"): Promise<string[]> {
  const names: string[] = []
  for await (const [name, entry] of (await root(shelf)).entries()) if (entry.kind === "directory") names.push(name)
  return names.sort()
}

/** Opens a folder. If there is none, it makes one. */
export async function openFolder(name: string, shelf: Shelf = "runs"): Promise<DiskFolder> {
  const folder = await (await root(shelf)).getDirectoryHandle(name, { create: true })
  /** The folder of a file, which is made if necessary, and the file's name within it. */
  const locate = async (path: string): Promise<readonly [FileSystemDirectoryHandle, string]> => {
    const slash = path.lastIndexOf("/")
    let parent = folder
    for (const part of path.slice(0, Math.max(0, slash)).split("/").filter(Boolean))
      parent = await parent.getDirectoryHandle(part, { create: true })
    return [parent, path.slice(slash + 1)]
  }
  const files = async (): Promise<Record<string, File>> => {
    const all: Record<string, File> = {}
    const visit = async (parent: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
      for await (const [entry, handle] of parent.entries())
        if (handle.kind === "directory") await visit(handle, `${prefix}${entry}/`)
        else all[`${prefix}${entry}`] = await handle.getFile()
    }
    await visit(folder, "")
    return all
  }
  return {
    name,
    files,
    async write(path, data) {
      const [parent, file] = await locate(path)
      try {
        const writable = await (await parent.getFileHandle(file, { create: true })).createWritable()
        await writable.write(data)
        await writable.close()
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        throw new VitrineError("file", `${path}: cannot be written (${why})`, { cause })
      }
    },
    async read() {
      const bytes: Record<string, Uint8Array<ArrayBuffer>> = {}
      for (const [path, file] of Object.entries(await files())) bytes[path] = new Uint8Array(await file.arrayBuffer())
      return bytes
    },
    async remove(path) {
      const [parent, entry] = await locate(path)
      await parent.removeEntry(entry, { recursive: true }).catch((error: Error) => {
        if (error.name !== "NotFoundError") throw error
      })
    },
  }
}

export async function removeFolder(name: string, shelf: Shelf = "runs"): Promise<void> {
  await (await root(shelf)).removeEntry(name, { recursive: true })
}

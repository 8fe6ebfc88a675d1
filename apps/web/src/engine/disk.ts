import { VitrineError } from "@vitrine/core"

/** A folder in the site's private file system. It stays when the page is closed. */
export interface DiskFolder {
  readonly name: string
  /**
   * Writes the whole file or nothing.
   * @throws VitrineError (file) if the disk is full
   */
  write(path: string, data: Uint8Array<ArrayBuffer> | Blob): Promise<void>
  /** The paths of all files. */
  paths(): Promise<string[]>
  /** The text of a file; empty if there is none. Another tab may write the file meanwhile. */
  text(path: string): Promise<string>
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

function unlessAbsent(error: unknown): void {
  if (!(error instanceof DOMException && error.name === "NotFoundError")) throw error
}

/** Reads again where another tab replaced or removed a file meanwhile, up to five times. */
async function unchanged<T>(read: () => Promise<T>): Promise<T> {
  for (let turn = 1; ; turn++)
    try {
      return await read()
    } catch (error) {
      const isChange = error instanceof DOMException && ["NotFoundError", "NotReadableError"].includes(error.name)
      if (!isChange || turn === 5) throw error
    }
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
  const handles = async (): Promise<Map<string, FileSystemFileHandle>> => {
    const all = new Map<string, FileSystemFileHandle>()
    const visit = async (parent: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
      for await (const [entry, handle] of parent.entries())
        if (handle.kind === "directory") await visit(handle, `${prefix}${entry}/`).catch(unlessAbsent)
        else all.set(`${prefix}${entry}`, handle)
    }
    await visit(folder, "")
    return all
  }
  const files = async (): Promise<Record<string, File>> => {
    const all: Record<string, File> = {}
    for (const [path, handle] of await handles()) all[path] = await handle.getFile()
    return all
  }
  return {
    name,
    files: () => unchanged(files),
    paths: async () => [...(await handles()).keys()],
    async text(path) {
      const [parent, file] = await locate(path)
      try {
        return await unchanged(async () => (await (await parent.getFileHandle(file)).getFile()).text())
      } catch (error) {
        unlessAbsent(error)
        return ""
      }
    },
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
    read: () =>
      unchanged(async () => {
        const bytes: Record<string, Uint8Array<ArrayBuffer>> = {}
        for (const [path, file] of Object.entries(await files())) bytes[path] = new Uint8Array(await file.arrayBuffer())
        return bytes
      }),
    async remove(path) {
      const [parent, entry] = await locate(path)
      await parent.removeEntry(entry, { recursive: true }).catch(unlessAbsent)
    },
  }
}

export async function removeFolder(name: string, shelf: Shelf = "runs"): Promise<void> {
  await (await root(shelf)).removeEntry(name, { recursive: true })
}

import { VitrineError } from "@vitrine/core"

/** A folder of the site's private file system, which outlives the page. */
export interface DiskFolder {
  readonly name: string
  /** Whole or not at all. */
  write(path: string, bytes: Uint8Array): Promise<void>
  /** All files by their path. */
  read(): Promise<Record<string, Uint8Array>>
  remove(path: string): Promise<void>
}

async function root(): Promise<FileSystemDirectoryHandle> {
  const disk = await navigator.storage.getDirectory()
  return disk.getDirectoryHandle("runs", { create: true })
}

/** The names of all folders. */
export async function listFolders(): Promise<string[]> {
  const names: string[] = []
  for await (const [name, entry] of (await root()).entries()) if (entry.kind === "directory") names.push(name)
  return names.sort()
}

export async function openFolder(name: string): Promise<DiskFolder> {
  const folder = await (await root()).getDirectoryHandle(name, { create: true })
  const within = async (path: string): Promise<readonly [FileSystemDirectoryHandle, string]> => {
    const parts = path.split("/")
    const file = parts.pop() as string
    let at = folder
    for (const part of parts) at = await at.getDirectoryHandle(part, { create: true })
    return [at, file]
  }
  return {
    name,
    async write(path, bytes) {
      const [at, file] = await within(path)
      try {
        const writable = await (await at.getFileHandle(file, { create: true })).createWritable()
        await writable.write(bytes as Uint8Array<ArrayBuffer>)
        await writable.close()
      } catch (cause) {
        throw new VitrineError("file", `${path}: cannot be written (${(cause as Error).message})`, { cause })
      }
    },
    async read() {
      const files: Record<string, Uint8Array> = {}
      const visit = async (at: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
        for await (const [entry, handle] of at.entries())
          if (handle.kind === "directory") await visit(handle, `${prefix}${entry}/`)
          else files[`${prefix}${entry}`] = new Uint8Array(await (await handle.getFile()).arrayBuffer())
      }
      await visit(folder, "")
      return files
    },
    async remove(path) {
      const [at, entry] = await within(path)
      await at.removeEntry(entry, { recursive: true }).catch((error: Error) => {
        if (error.name !== "NotFoundError") throw error
      })
    },
  }
}

export async function removeFolder(name: string): Promise<void> {
  await (await root()).removeEntry(name, { recursive: true })
}

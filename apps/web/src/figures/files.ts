import type { Entry } from "../engine/archive.ts"

/** The files that a reader chose, with their paths. */
export function chosenFiles(files: FileList | null): Entry[] {
  return Array.from(files ?? [], (file): Entry => [file.webkitRelativePath || file.name, file])
}

/** The files that a reader dropped, with those in dropped folders. */
export async function droppedFiles(transfer: DataTransfer | null): Promise<Entry[]> {
  const files: Entry[] = []
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    if (isFile(entry)) {
      const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject))
      files.push([entry.fullPath.replace(/^\//, ""), file])
    } else if (isDirectory(entry)) for (const child of await childrenOf(entry)) await visit(child)
  }
  const entries = Array.from(transfer?.items ?? []).flatMap((item) => item.webkitGetAsEntry() ?? [])
  for (const entry of entries) await visit(entry)
  return files
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile

const isDirectory = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory

async function childrenOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader()
  const children: FileSystemEntry[] = []
  for (;;) {
    // A reader returns at most a hundred entries at a time.
    const next = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (next.length === 0) return children
    children.push(...next)
  }
}

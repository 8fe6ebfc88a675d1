import type { Entry } from "../engine/archive.ts"

/** The chosen files, with their paths. */
export function chosen(files: FileList | null): Entry[] {
  return Array.from(files ?? [], (file): Entry => [file.webkitRelativePath || file.name, file])
}

/** The dropped files, those in dropped folders too. */
export async function dropped(transfer: DataTransfer | null): Promise<Entry[]> {
  const found: Entry[] = []
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    const path = entry.fullPath.replace(/^\//, "")
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
      found.push([path, file])
      return
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader()
    for (;;) {
      // A reader gives a hundred at a time.
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
      if (some.length === 0) return
      for (const each of some) await visit(each)
    }
  }
  const entries = Array.from(transfer?.items ?? []).flatMap((item) => item.webkitGetAsEntry() ?? [])
  for (const entry of entries) await visit(entry)
  return found
}

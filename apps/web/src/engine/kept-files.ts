import { VitrineError } from "@vitrine/core"
import type { Entry } from "./archive.ts"
import { listFolders, openFolder, removeFolder } from "./disk.ts"

/** Dropped files that this browser keeps with the reader's consent. Links to them work in this browser. */
export interface KeptFiles {
  /** The id of files in a link. Equal paths and bytes give the same id. */
  idOf(entries: readonly Entry[]): Promise<string>
  has(id: string): Promise<boolean>
  keep(id: string, entries: readonly Entry[]): Promise<void>
  /** Finds files by their id. Returns null if they are not stored here. */
  find(id: string): Promise<Entry[] | null>
  /** The size of all files in bytes. */
  size(): Promise<number>
  forget(): Promise<void>
}

/** The name of the file that is written last. If it is missing, other files may be missing too. */
const list = "list.json"

export function createKeptFiles(): KeptFiles {
  /** The list of files, or an empty text where the folder is missing or was not written to its end. */
  const listOf = async (id: string): Promise<string> =>
    (await listFolders("kept")).includes(id) ? (await openFolder(id, "kept")).text(list) : ""
  return {
    async idOf(entries) {
      const hashes: string[] = []
      for (const [path, file] of entries) hashes.push(`${path}\n${await hash(await file.arrayBuffer())}`)
      return (await hash(new TextEncoder().encode(hashes.sort().join("\n")))).slice(0, 20)
    },
    has: async (id) => (await listOf(id)) !== "",
    async keep(id, entries) {
      try {
        const folder = await openFolder(id, "kept")
        for (const [i, [, file]] of entries.entries()) await folder.write(String(i), file)
        const paths = JSON.stringify(entries.map(([path]) => path))
        await folder.write(list, new TextEncoder().encode(paths))
      } catch (error) {
        await removeFolder(id, "kept").catch(() => {})
        throw error
      }
    },
    async find(id) {
      if (!/^[0-9a-f]{20}$/.test(id)) throw new VitrineError("config", "the link names files in a way that is not ours")
      const text = await listOf(id)
      if (text === "") return null
      const paths: unknown = JSON.parse(text)
      if (!Array.isArray(paths)) return null
      const files = await (await openFolder(id, "kept")).files()
      return paths.flatMap((path: unknown, i): Entry[] => {
        const file = files[i]
        return file === undefined ? [] : [[String(path), file]]
      })
    },
    async size() {
      let bytes = 0
      for (const id of await listFolders("kept"))
        for (const file of Object.values(await (await openFolder(id, "kept")).files())) bytes += file.size
      return bytes
    },
    async forget() {
      for (const id of await listFolders("kept")) await removeFolder(id, "kept")
    },
  }
}

async function hash(bytes: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

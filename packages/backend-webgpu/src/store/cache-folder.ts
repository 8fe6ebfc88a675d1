import { createHash, randomUUID } from "node:crypto"
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import envPaths from "env-paths"
import type { TuningStore } from "../run/tune.ts"

/** The path of a file in the folder `VITRINE_CACHE`, or else in the user's cache folder. */
function pathOf(name: string): string {
  const cache = process.env.VITRINE_CACHE ?? envPaths("vitrine", { suffix: "" }).cache
  return join(cache, "webgpu", `${createHash("sha256").update(name).digest("hex").slice(0, 32)}.json`)
}

/** Stores tilings in files. */
export const cacheFolder: TuningStore = {
  read: (name) => readFile(pathOf(name), "utf8"),
  write: async (name, text) => {
    const path = pathOf(name)
    await mkdir(join(path, ".."), { recursive: true })
    const temporary = `${path}.${randomUUID()}`
    await writeFile(temporary, text)
    await rename(temporary, path)
  },
}

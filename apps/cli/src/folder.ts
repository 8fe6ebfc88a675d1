import { mkdir } from "node:fs/promises"
import { explaining } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"

/**
 * Makes a folder for results, and its missing parents.
 * @throws VitrineError (file)
 */
export async function makeFolder(path: string): Promise<void> {
  await explaining(path, "create", () => mkdir(path, { recursive: true })).catch((error: unknown) => {
    const { cause } = error instanceof Error ? error : {}
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST")
      throw new VitrineError("file", `${path}: is a file, not a folder; name another folder with --out`, { cause })
    throw error
  })
}

import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../../..", import.meta.url))

export const readManifest = (folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

/** The folders of all packages of a workspace. */
export function workspaceFolders(workspace = root) {
  const inside = (folder) => readdirSync(join(workspace, folder)).map((name) => `${folder}/${name}`)
  const folders = [...inside("packages"), ...inside("apps"), ...inside("tooling"), "recipes"]
  return folders.filter((folder) => existsSync(join(workspace, folder, "package.json")))
}

/** The packages that a release publishes, each with its folder. */
export const publicPackages = (workspace = root) =>
  workspaceFolders(workspace)
    .map((folder) => ({ folder, manifest: readManifest(join(workspace, folder)) }))
    .filter(({ manifest }) => manifest.private !== true)

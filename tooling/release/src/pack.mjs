import { execFile, execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { publicPackages, readManifest, root, workspaceFolders } from "./packages.mjs"

const run = promisify(execFile)
const tool = (name) => join(root, "node_modules", name)

/**
 * Copies the workspace with its builds to a folder, and gives the packages their next versions and changelogs there, as
 * `npm run version-packages` does. The workspace itself does not change.
 */
export function stage(to) {
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root })
  const folders = publicPackages().map(({ folder }) => `${folder}/`)
  for (const file of files.toString().split("\0")) {
    const isPublic = folders.some((folder) => file.startsWith(folder) && !file.startsWith(`${folder}test/`))
    const isNeeded = isPublic || /(^|\/)package\.json$|^\.changeset\/|^[^/]+$/.test(file)
    if (isNeeded && existsSync(join(root, file))) copy(file, to)
  }
  for (const { folder } of publicPackages()) if (existsSync(join(root, folder, "dist"))) copy(join(folder, "dist"), to)
  symlinkSync(join(root, "node_modules"), join(to, "node_modules"))
  if (readdirSync(join(root, ".changeset")).some((file) => /^(?!README).*\.md$/.test(file)))
    execFileSync(process.execPath, [tool("@changesets/cli/bin.js"), "version"], { cwd: to, stdio: "pipe" })
}

const copy = (path, to) => {
  mkdirSync(dirname(join(to, path)), { recursive: true })
  cpSync(join(root, path), join(to, path), { recursive: true })
}

/** Packs each public package of a staged workspace, as pnpm publishes it. Returns folder, name, version and tarball. */
export async function pack(workspace, to) {
  mkdirSync(to, { recursive: true })
  const packages = publicPackages(workspace)
  const byName = new Map(
    workspaceFolders(workspace).map((folder) => [readManifest(join(workspace, folder)).name, folder]),
  )
  for (const { folder, manifest } of packages) {
    // pnpm reads the versions of workspace packages where they are installed.
    const { dependencies, optionalDependencies, devDependencies } = manifest
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies })) {
      const target = byName.get(name)
      const link = join(workspace, folder, "node_modules", name)
      if (target === undefined || existsSync(link)) continue
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(workspace, target), link)
    }
  }
  const pnpm = tool("pnpm/bin/pnpm.mjs")
  const packed = []
  for (const { folder, manifest } of packages) {
    const args = ["--config.ignore-scripts=true", "pack", "--pack-destination", to, "--json"]
    await run(process.execPath, [pnpm, ...args], { cwd: join(workspace, folder) })
    const file = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`
    packed.push({ folder, name: manifest.name, version: manifest.version, tarball: readFileSync(join(to, file)) })
  }
  return packed
}

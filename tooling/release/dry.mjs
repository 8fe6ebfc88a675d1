// Does what a release does, but for the publication: versions, changelogs and tarballs in a folder of its own, every
// check on the tarballs. Prints what would be published; ends with 1 if anything is wrong with it.
//
//     npm run release:dry [-- --out FOLDER]
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { readSurface, report, reportFile } from "../api/src/surface.mjs"
import { faults, openTarball, staleFaults, toolFaults, workspaceFaults } from "./src/faults.mjs"
import { pack, stage } from "./src/pack.mjs"
import { readManifest, root, workspaceFolders } from "./src/packages.mjs"

const { values } = parseArgs({ options: { out: { type: "string" } } })
const folder = mkdtempSync(join(tmpdir(), "vitrine-release-"))
try {
  const workspace = join(folder, "workspace")
  stage(workspace)
  const packed = await pack(workspace, values.out === undefined ? join(folder, "tarballs") : resolve(values.out))
  const archives = packed.map(({ tarball }) => openTarball(tarball))
  const packages = new Map(archives.map(({ manifest }) => [manifest.name, manifest]))
  const general = [
    ...workspaceFaults(workspaceFolders().map((each) => readManifest(join(root, each)))),
    ...(await staleFaults(packed.map((each) => each.folder))),
    ...surfaceFaults(),
  ]
  for (const line of general) console.log(`wrong: ${line}`)
  let wrong = general.length
  for (const [place, { folder: at, name, version, tarball }] of packed.entries()) {
    const archive = archives[place]
    console.log(`${name}@${version}: ${archive.paths.length} files, ${(tarball.length / 1e3).toFixed(0)} kB packed`)
    const lines = [...faults(archive, at, packages), ...(await toolFaults(tarball))]
    for (const line of lines) console.log(`  wrong: ${line}`)
    wrong += lines.length
  }
  console.log(
    wrong === 0
      ? `${packed.length} packages are ready: npm run release would publish them`
      : `nothing can be published: ${wrong} ${wrong === 1 ? "fault" : "faults"}`,
  )
  process.exitCode = wrong === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Entries that export what their reports do not say, one line each. */
function surfaceFaults() {
  try {
    return readSurface()
      .filter((entry) => report(entry) !== readFileSync(reportFile(entry), "utf8"))
      .map(({ name }) => `${name} does not export what its report says: npm run api, and look at what changed`)
  } catch (error) {
    return [error.message]
  }
}

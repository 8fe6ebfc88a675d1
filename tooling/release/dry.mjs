// Does what a release does, but for the publication: versions, changelogs and tarballs in a folder of its own, every
// check on the tarballs. Prints what would be published; ends with 1 if anything is wrong with it.
//
//     npm run release:dry [-- --out FOLDER]
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { faults, openTarball, staleFaults, toolFaults } from "./src/faults.mjs"
import { pack, stage } from "./src/pack.mjs"

const { values } = parseArgs({ options: { out: { type: "string" } } })
const folder = mkdtempSync(join(tmpdir(), "vitrine-release-"))
try {
  const workspace = join(folder, "workspace")
  stage(workspace)
  const packed = await pack(workspace, values.out === undefined ? join(folder, "tarballs") : resolve(values.out))
  const versions = new Map(packed.map(({ name, version }) => [name, version]))
  const stale = staleFaults(packed.map((each) => each.folder))
  for (const line of stale) console.log(`wrong: ${line}`)
  let wrong = stale.length
  for (const { folder: at, name, version, tarball } of packed) {
    const archive = openTarball(tarball)
    console.log(`${name}@${version}: ${archive.paths.length} files, ${(tarball.length / 1e3).toFixed(0)} kB packed`)
    const lines = [...faults(archive, at, versions), ...(await toolFaults(tarball))]
    for (const line of lines) console.log(`  wrong: ${line}`)
    wrong += lines.length
  }
  console.log(
    wrong === 0
      ? `${packed.length} packages are ready: npx pnpm -r publish would publish them`
      : `${wrong} faults: nothing can be published`,
  )
  process.exitCode = wrong === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

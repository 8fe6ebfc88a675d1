import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { problemKindInfo } from "@arethetypeswrong/core/problems"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import semver from "semver"
import { readManifest, root } from "./packages.mjs"

const home = "https://github.com/vitrine-js/vitrine"

/** A package as npm would see it: its manifest, and its files by path. */
export function openTarball(tarball) {
  const archive = createPackageFromTarballData(new Uint8Array(tarball))
  const prefix = `/node_modules/${archive.packageName}/`
  const paths = archive.listFiles().map((path) => path.slice(prefix.length))
  const read = (path) => archive.readFile(prefix + path)
  return { manifest: JSON.parse(read("package.json")), paths, read }
}

/**
 * What is wrong with a package, one line each. `versions` are those of the packages that are published with it, by
 * name. `installed` gives the version of another package that its tests ran with, or null.
 */
export function faults({ manifest, paths, read }, folder, versions, installed = installedVersion(folder)) {
  return [
    ...fieldFaults(manifest, folder),
    ...fileFaults(manifest, paths, read),
    ...dependencyFaults(manifest, versions, installed),
  ]
}

function* fieldFaults(manifest, folder) {
  if (manifest.repository?.directory !== folder) yield `repository.directory must be ${folder}`
  if (manifest.repository?.url !== `git+${home}.git`) yield `repository.url must be git+${home}.git`
  for (const field of ["description", "homepage", "bugs", "license"])
    if (typeof manifest[field] !== "string") yield `${field} is missing`
  if (!(manifest.keywords?.length > 2)) yield "keywords are missing"
  if (manifest.publishConfig?.access !== "public") yield 'publishConfig.access must be "public"'
  if (manifest.engines?.node !== readManifest(root).engines.node) yield "engines.node must be the workspace's"
}

function* fileFaults(manifest, paths, read) {
  const files = new Set(paths)
  for (const path of ["README.md", "LICENSE", "CHANGELOG.md"]) if (!files.has(path)) yield `${path} is missing`
  for (const target of targets(manifest.exports).concat(targets(manifest.bin))) {
    const [start, end] = target.replace(/^\.\//, "").split("*")
    const exists = (path) => path.startsWith(start) && (end === undefined ? path === start : path.endsWith(end))
    if (!paths.some(exists)) yield `${target} is named by exports or bin, and is not in the package`
  }
  for (const entry of manifest.files ?? [])
    if (!/[!*]/.test(entry) && !paths.some((path) => `${path}/`.startsWith(`${entry}/`)))
      yield `files names ${entry}, which is not in the package`
  for (const path of paths) {
    if (/(^|\/)(test|\.tsbuildinfo|node_modules)(\/|$)/.test(path)) yield `${path} does not belong in the package`
    if (/^src\/.*\.ts$/.test(path) && !files.has(path.replace(/^src\/(.*)\.ts$/, "dist/$1.js")))
      yield `${path} is not built: dist has no file of it`
  }
  for (const path of ["README.md", "CHANGELOG.md"])
    for (const [, link] of (files.has(path) ? read(path) : "").matchAll(/\]\(([^)#][^)]*)\)/g))
      if (!link.startsWith("https:")) yield `${path}: the link ${link} is relative, so npm's page breaks it`
      else if (
        link.startsWith(`${home}/`) &&
        !existsSync(join(root, link.replace(/^.*?\/(blob|tree)\/main\/|#.*$/g, "")))
      )
        yield `${path}: the link ${link} leads nowhere`
}

/** The paths in `exports` or `bin`. */
const targets = (value) =>
  typeof value === "string" ? [value] : Object.values(value ?? {}).flatMap((entry) => targets(entry))

/**
 * What in `dist` is not what a build of the sources makes, one line each: packages that the compiler would build again,
 * and files that an older build has left.
 * @param folders the folders of the packages, in the workspace that was built
 */
export function staleFaults(folders, workspace = root) {
  const projects = folders.filter((folder) => existsSync(join(workspace, folder, "tsconfig.json")))
  const args = ["-b", "--dry", "--pretty", "false", ...projects]
  const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), args, { cwd: workspace, encoding: "utf8" })
  const current = stdout.split("\n").filter((line) => /is up to date|would update timestamps/.test(line))
  const stale = projects
    .filter((project) => !current.some((line) => line.includes(`/${project}/tsconfig.json'`)))
    .map((project) => `${project}: dist is not built from its sources: npm run build`)
  return [...stale, ...projects.flatMap((project) => leftFiles(join(workspace, project), project))]
}

function leftFiles(folder, project) {
  const sources = join(folder, existsSync(join(folder, "src")) ? "src" : ".")
  const built = existsSync(join(folder, "dist")) ? readdirSync(join(folder, "dist"), { recursive: true }) : []
  return built
    .filter((file) => /^[^.].*\.js$/.test(file) && !existsSync(join(sources, file.replace(/js$/, "ts"))))
    .map((file) => `${project}: dist/${file} has no source, an older build has left it: delete dist, and build`)
}

function* dependencyFaults(manifest, versions, installed) {
  for (const [kind, isPeer] of [
    ["dependencies", false],
    ["optionalDependencies", false],
    ["peerDependencies", true],
  ])
    for (const [name, range] of Object.entries(manifest[kind] ?? {})) {
      const at = `${kind}.${name}`
      if (name === "vitrine" || name.startsWith("@vitrine/")) {
        if (!versions.has(name)) yield `${at} is private: it is not published`
        else if (range !== versions.get(name)) yield `${at} must be exactly ${versions.get(name)}, not ${range}`
        continue
      }
      const form = isPeer ? /^(\^|>=)\d/ : /^[\^~]\d/
      if (semver.validRange(range) === null || !form.test(range)) {
        yield `${at} must be a ${isPeer ? "caret range or a lower bound" : "caret or tilde range"}, not ${range}`
        continue
      }
      const version = installed(name)
      if (version !== null && !semver.satisfies(version, range))
        yield `${at} is ${range}, and what is tested is ${version}`
    }
}

/** The version of a package that a folder of the workspace has installed, or null. */
const installedVersion = (folder) => (name) => {
  const installed = join(root, folder, "node_modules", name)
  return existsSync(installed) ? readManifest(installed).version : null
}

/** What publint and arethetypeswrong say of a tarball, one line each. */
export async function toolFaults(tarball) {
  const manifest = openTarball(tarball).manifest
  const buffer = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength)
  const { messages } = await publint({ pack: { tarball: buffer }, strict: true })
  const lines = messages.map((message) => formatMessage(message, manifest, { color: false }))
  // A command has no entries, so no types.
  if (targets(manifest.exports).every((target) => target.endsWith(".json"))) return lines
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)))
  // The packages are ES modules, for resolution by Node's and bundlers' rules.
  const ignored = new Set(["CJSResolvesToESM", "NoResolution"])
  for (const { kind, entrypoint = "", resolutionKind } of analysis.problems ?? []) {
    if (ignored.has(kind) && (resolutionKind === "node10" || resolutionKind === "node16-cjs")) continue
    lines.push(`${problemKindInfo[kind].shortDescription} (${entrypoint}, ${resolutionKind})`)
  }
  return lines
}

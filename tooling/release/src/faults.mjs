import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import { gunzipSync } from "node:zlib"
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { problemKindInfo } from "@arethetypeswrong/core/problems"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import semver from "semver"
import { bundleOf } from "../../bundle/bundle.mjs"
import { requests } from "./modules.mjs"
import { readManifest, root } from "./packages.mjs"

const home = "https://github.com/vitrine-js/vitrine"

/** A package as npm would see it: its manifest, and its files by path, with the modes of the tarball. */
export function openTarball(tarball) {
  const archive = createPackageFromTarballData(new Uint8Array(tarball))
  const prefix = `/node_modules/${archive.packageName}/`
  const paths = archive.listFiles().map((path) => path.slice(prefix.length))
  const read = (path) => archive.readFile(prefix + path)
  return { manifest: JSON.parse(read("package.json")), paths, read, modes: modes(gunzipSync(tarball)) }
}

/** The modes of a tar archive's files, by path without the first folder. */
function modes(tar) {
  const text = (at, length) => tar.toString("utf8", at, at + length).replace(/\0.*$/s, "")
  const found = new Map()
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    found.set(text(at, 100).replace(/^[^/]*\//, ""), Number.parseInt(text(at + 100, 8), 8))
    at += 512 + Math.ceil(Number.parseInt(text(at + 124, 12), 8) / 512) * 512
  }
  return found
}

/**
 * What is wrong with a package, one line each.
 * @param packages the manifests of all packages that are published together, by name
 * @param installed gives the manifest of another package that its tests ran with, or null
 */
export function faults(archive, folder, packages, installed = installedManifest(folder)) {
  return [
    ...fieldFaults(archive.manifest, folder, packages),
    ...entryFaults(archive),
    ...fileFaults(archive),
    ...linkFaults(archive),
    ...moduleFaults(archive, packages),
    ...dependencyFaults(archive.manifest, packages, installed),
  ]
}

/** What is wrong with the packages of a workspace together, before a release gives them a version, one line each. */
export function workspaceFaults(manifests) {
  const isPublic = ({ private: isPrivate }) => isPrivate !== true
  const { version } = manifests.find(({ name }) => name === "vitrine")
  return [
    ...manifests
      .filter((each) => isPublic(each) && each.version !== version)
      .map((each) => `${each.name} has version ${each.version}, and the others ${version}: packages have one version`),
    ...manifests
      .filter((each) => !isPublic(each) && each.publishConfig !== undefined)
      .map(({ name }) => `${name} is private and has publishConfig: it would not be published`),
  ]
}

function* fieldFaults(manifest, folder, packages) {
  const workspace = readManifest(root)
  const version = packages.get("vitrine")?.version
  if (manifest.version !== version) yield `version must be that of the release, ${version}, not ${manifest.version}`
  if (manifest.repository?.directory !== folder) yield `repository.directory must be ${folder}`
  if (manifest.repository?.url !== `git+${home}.git`) yield `repository.url must be git+${home}.git`
  for (const field of ["description", "homepage", "bugs"])
    if (typeof manifest[field] !== "string" || manifest[field] === "") yield `${field} is missing`
  for (const field of ["homepage", "bugs"])
    if (manifest[field] && !manifest[field].startsWith(`${home}/`)) yield `${field} must be a page of ${home}`
  if (manifest.license !== workspace.license) yield `license must be ${workspace.license}`
  if (!(manifest.keywords?.length > 2)) yield "keywords are missing"
  if (manifest.type !== "module") yield 'type must be "module"'
  if (manifest.sideEffects !== false) yield "sideEffects must be false, or bundlers keep what is not used"
  if (manifest.publishConfig?.access !== "public") yield 'publishConfig.access must be "public"'
  for (const field of Object.keys(manifest.publishConfig ?? {}))
    if (field !== "access") yield `publishConfig.${field} changes what a release does: the workflow decides`
  if (manifest.engines?.node !== workspace.engines.node) yield "engines.node must be the workspace's"
  for (const script of ["preinstall", "install", "postinstall", "prepare"])
    if (manifest.scripts?.[script] !== undefined) yield `scripts.${script} would run where the package is installed`
}

/** The files that a manifest names for programs, with the names of their conditions. */
function targets(value, at) {
  if (typeof value === "string") return [{ at, target: value }]
  return Object.entries(value ?? {}).flatMap(([key, entry]) => targets(entry, `${at}[${JSON.stringify(key)}]`))
}

const entryFields = ["exports", "imports", "bin", "main", "module", "types", "typings", "browser"]
const entriesOf = (manifest) => entryFields.flatMap((field) => targets(manifest[field], field))

/** A path of a package, as its archive lists it. */
const plain = (path) => path.replace(/^\.\//, "").replace(/\/$/, "")

function* entryFaults({ manifest, paths, read, modes }) {
  if (manifest.exports === undefined) yield "exports is missing: programs could import any file"
  for (const { at, target } of entriesOf(manifest)) {
    const [start, end] = plain(target).split("*")
    const exists = (path) => path.startsWith(start) && (end === undefined ? path === start : path.endsWith(end))
    if (!paths.some(exists)) yield `${at}: ${target} is not in the package`
    else if (at.startsWith("exports") && !at.includes('"@vitrine/source"') && !/^(dist\/|package\.json$)/.test(start))
      yield `${at}: ${target} is not of dist`
  }
  for (const [path, entry] of Object.entries(manifest.exports ?? {}))
    for (const file of modulesOf(entry)) yield `exports["${path}"]: ${file}`
  for (const { target } of targets(manifest.bin, "bin")) {
    const path = plain(target)
    if (!paths.includes(path)) continue
    if (!read(path).startsWith("#!/usr/bin/env node\n")) yield `bin: ${target} must begin with #!/usr/bin/env node`
    if (!((modes.get(path) ?? 0) & 0o100)) yield `bin: ${target} is not executable`
  }
}

/** What is wrong with the conditions of an entry: types, code and source are those of one module. */
function* modulesOf(entry, source = entry?.["@vitrine/source"]) {
  if (typeof entry === "string") {
    if (!entry.endsWith(".json")) yield `${entry} has no types`
    return
  }
  const { types, default: code, browser } = entry
  const stem = (file) =>
    plain(file)
      .replace(/^(src|dist)\//, "")
      .replace(/\.d\.ts$|\.[jt]s$/, "")
  if (types === undefined) yield `${code} has no types`
  else if (stem(types) !== stem(code)) yield `${types} is not of ${code}`
  const [first, second] = typeof source === "object" ? [source.default, source.browser] : [source]
  if (first === undefined || stem(first) !== stem(code)) yield `${first} is not the source of ${code}`
  if (browser !== undefined) yield* modulesOf(browser, second)
}

function* fileFaults({ manifest, paths, read }) {
  const files = new Set(paths)
  const has = { "README.md": `# ${manifest.name}\n`, LICENSE: licence, "CHANGELOG.md": `\n## ${manifest.version}\n` }
  for (const [path, text] of Object.entries(has))
    if (!files.has(path)) yield `${path} is missing`
    else if (!read(path).includes(text)) yield `${path} does not hold ${JSON.stringify(text.slice(0, 40))}`
  if (manifest.files === undefined) yield "files is missing: npm would publish the whole folder"
  for (const entry of manifest.files ?? [])
    if (!/[!*]/.test(entry) && !paths.some((path) => `${path}/`.startsWith(`${plain(entry)}/`)))
      yield `files names ${entry}, which is not in the package`
  for (const path of paths) {
    if (/(^|\/)(test|node_modules|\.(?!\.)[^/]*)(\/|$)|\.(tgz|log|pem|key)$/.test(path))
      yield `${path} does not belong in the package`
    if (/^src\/.*\.ts$/.test(path) && !files.has(path.replace(/^src\/(.*)\.ts$/, "dist/$1.js")))
      yield `${path} is not built: dist has no file of it`
  }
}

const licence = readFileSync(join(root, "LICENSE"), "utf8")

function* linkFaults({ paths, read }) {
  for (const path of ["README.md", "CHANGELOG.md"])
    for (const [, words, attribute] of (paths.includes(path) ? read(path) : "").matchAll(
      /\]\(([^)#][^)]*)\)|\b(?:src|href)="([^"#][^"]*)"/g,
    )) {
      const link = words ?? attribute
      if (!link.startsWith("https:")) yield `${path}: the link ${link} is relative, so npm's page breaks it`
      else if (
        link.startsWith(`${home}/`) &&
        !existsSync(join(root, link.replace(/^.*?\/(blob|tree)\/main\/|#.*$/g, "")))
      )
        yield `${path}: the link ${link} leads nowhere`
    }
}

/** What modules ask for and would not find: files of the package, other packages, entries of the project's own. */
function* moduleFaults({ manifest, paths, read }, packages) {
  const files = new Set(paths)
  const named = ["dependencies", "optionalDependencies", "peerDependencies"]
  const declared = new Set(named.flatMap((field) => Object.keys(manifest[field] ?? {})))
  const isThere = (path) => files.has(path) || files.has(path.replace(/\.[jt]s$/, ".d.ts"))
  const missing = new Map()
  for (const path of paths.filter((each) => /^(dist|bin)\/.*\.js$|^dist\/.*\.d\.ts$/.test(each))) {
    const { specifiers, files: assets } = requests(path, read(path))
    for (const asset of assets) {
      const target = normalize(join(dirname(path), asset))
      if (!paths.some((each) => each.startsWith(target))) yield `${path} names ${asset}, which is not in the package`
    }
    for (const specifier of specifiers) {
      if (specifier.startsWith("node:")) continue
      if (specifier.startsWith(".")) {
        const target = normalize(join(dirname(path), specifier))
        if (!(path.endsWith(".d.ts") ? isThere(target) : files.has(target)))
          yield `${path} imports ${specifier}, which is not in the package`
        continue
      }
      const [name] = /^(@[^/]+\/)?[^/]+/.exec(specifier)
      const entries = packages.get(name)?.exports
      if (name !== manifest.name && !declared.has(name)) missing.set(name, path)
      else if (entries && !entries["./*"] && !entries[`.${specifier.slice(name.length)}`])
        yield `${path} imports ${specifier}, which ${name} does not export`
    }
  }
  for (const [name, path] of missing) yield `dependencies lack ${name}, which ${path} imports`
}

/**
 * What in `dist` is not what a build of the sources makes, one line each: packages that the compiler would build again,
 * bundles of other modules, and files that an older build has left.
 * @param folders the folders of the packages, in the workspace that was built
 */
export async function staleFaults(folders, workspace = root) {
  const projects = folders.filter((folder) => existsSync(join(workspace, folder, "tsconfig.json")))
  const args = ["-b", "--dry", "--pretty", "false", ...projects]
  const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), args, { cwd: workspace, encoding: "utf8" })
  const current = stdout.split("\n").filter((line) => /is up to date|would update timestamps/.test(line))
  const stale = projects
    .filter((project) => !current.some((line) => line.includes(`/${project}/tsconfig.json'`)))
    .map((project) => `${project}: dist is not built from its sources: npm run build`)
  const left = projects.flatMap((project) => leftFiles(join(workspace, project), project))
  const bundled = projects.filter((project) => existsSync(join(workspace, project, bundle)))
  const others = await Promise.all(bundled.map((project) => otherBundle(join(workspace, project), project)))
  return [...stale, ...left, ...others.flat()]
}

const bundle = join("dist", "bundle")

async function otherBundle(folder, project) {
  const files = await bundleOf(folder)
  const names = readdirSync(join(folder, bundle))
  const equal = (name) => readFileSync(join(folder, bundle, name), "utf8") === files.get(name)
  const isCurrent = names.length === files.size && names.every(equal)
  return isCurrent ? [] : [`${project}: dist/bundle is not of the modules in dist: npm run build`]
}

function leftFiles(folder, project) {
  const sources = join(folder, existsSync(join(folder, "src")) ? "src" : ".")
  const built = existsSync(join(folder, "dist"))
    ? readdirSync(join(folder, "dist"), { recursive: true, withFileTypes: true })
    : []
  return built
    .filter((entry) => entry.isFile() && entry.name !== ".tsbuildinfo" && entry.parentPath !== join(folder, bundle))
    .map((entry) => relative(join(folder, "dist"), join(entry.parentPath, entry.name)))
    .filter((file) => !existsSync(join(sources, file.replace(/(\.js|\.d\.ts)(\.map)?$/, ".ts"))))
    .map((file) => `${project}: dist/${file} has no source, an older build has left it: delete dist, and build`)
}

function* dependencyFaults(manifest, packages, installed) {
  const node = readManifest(root).engines.node
  for (const name of Object.keys(manifest.peerDependenciesMeta ?? {}))
    if (manifest.peerDependencies?.[name] === undefined) yield `peerDependenciesMeta.${name} is of no peer dependency`
  for (const [kind, isPeer] of [
    ["dependencies", false],
    ["optionalDependencies", false],
    ["peerDependencies", true],
  ])
    for (const [name, range] of Object.entries(manifest[kind] ?? {})) {
      const at = `${kind}.${name}`
      if (name === "vitrine" || name.startsWith("@vitrine/")) {
        const version = packages.get(name)?.version
        if (version === undefined) yield `${at} is private: it is not published`
        else if (range !== version) yield `${at} must be exactly ${version}, not ${range}`
        continue
      }
      const form = isPeer ? /^(\^|>=)\d/ : /^[\^~]\d/
      if (semver.validRange(range) === null || !form.test(range)) {
        yield `${at} must be a ${isPeer ? "caret range or a lower bound" : "caret or tilde range"}, not ${range}`
        continue
      }
      const { version, engines } = installed(name) ?? {}
      if (version !== undefined && !semver.satisfies(version, range))
        yield `${at} is ${range}, and what is tested is ${version}`
      if (!isPeer && engines?.node !== undefined && !semver.subset(node, engines.node))
        yield `${at} needs Node ${engines.node}, and the package promises ${node}`
    }
}

/** The manifest of a package that a folder of the workspace has installed, or null. */
const installedManifest = (folder) => (name) => {
  const installed = join(root, folder, "node_modules", name)
  return existsSync(installed) ? readManifest(installed) : null
}

/** What publint and arethetypeswrong say of a tarball, one line each. */
export async function toolFaults(tarball) {
  const manifest = openTarball(tarball).manifest
  const buffer = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength)
  const { messages } = await publint({ pack: { tarball: buffer }, strict: true })
  const lines = messages.map((message) => formatMessage(message, manifest, { color: false }))
  // A command has no entries, so no types.
  if (targets(manifest.exports, "").every(({ target }) => target.endsWith(".json"))) return lines
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)))
  // The packages are ES modules, for resolution by Node's and bundlers' rules.
  const ignored = new Set(["CJSResolvesToESM", "NoResolution"])
  for (const { kind, entrypoint = "", resolutionKind } of analysis.problems ?? []) {
    if (ignored.has(kind) && (resolutionKind === "node10" || resolutionKind === "node16-cjs")) continue
    lines.push(`${problemKindInfo[kind].shortDescription} (${entrypoint}, ${resolutionKind})`)
  }
  return lines
}

import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { access, mkdir, readdir, rename, rm, statfs, symlink, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { promisify } from "node:util"
import { VitrineError } from "@vitrine/core"
import { type Addon, type AddonName, findAddon, packages, setupFolder } from "../find.ts"
import { download, hashOf } from "./download.ts"
import { type PinnedFile, releases, sourceIntegrity } from "./files.ts"
import { filesHere, planOf, type SetupPlan } from "./plan.ts"
import { pythonIndex } from "./python-index.ts"
import { unpack } from "./unpack.ts"

const run = promisify(execFile)
const require = createRequire(import.meta.url)

/** How far the build of an addon is: a download in bytes, or the step that begins. */
export type SetupProgress =
  | { readonly type: "download"; readonly file: string; readonly done: number; readonly total: number }
  | { readonly type: "step"; readonly step: "check" | "unpack" | "sources" | "compile" | "test" }

/** Options of the build of an addon. */
export interface SetupOptions {
  /** Whether to build even if an addon is installed. */
  readonly force?: boolean
  readonly onProgress?: (progress: SetupProgress) => void
  readonly signal?: AbortSignal
}

/**
 * Builds tfjs-node's addon with the libtensorflow of TensorFlow's wheel, in the folder `setupFolder`. Interrupted
 * downloads continue where they stopped. The addon is tested before it is installed.
 * @throws VitrineError (backend) for a platform without a recipe, no compiler or a failed build; (file) for no network,
 *   a checksum that differs from `files.ts`, or too little disk space: the message says how much is needed.
 */
export async function setup(name: AddonName, options: SetupOptions = {}): Promise<Addon> {
  return setupFrom(name, { wheels: () => filesHere(name), sources: sourceIntegrity[name] }, options)
}

/** What an addon is made of: the wheels, and the SHA-512 of the npm package as npm writes it. */
export interface SetupFiles {
  readonly wheels: () => readonly PinnedFile[]
  readonly sources: string
}

export async function setupFrom(name: AddonName, files: SetupFiles, options: SetupOptions): Promise<Addon> {
  const folder = setupFolder(name)
  try {
    const existing = findAddon(name)
    const isThere = typeof existing !== "string" && existing.folder.startsWith(folder)
    if (!isThere || options.force) await build(name, folder, files, options)
    // A setup that was killed at its end has left them.
    for (const file of files.wheels()) await rm(join(downloadsOf(folder), file.name), { force: true })
    await removeLeftovers(folder)
  } catch (error) {
    if (VitrineError.isInstance(error) || !(error instanceof Error && "syscall" in error)) throw error
    const reason = error.message.replace(/^[A-Z0-9]+: /, "").replace(/, \w+( '.*')?$/s, "")
    throw new VitrineError("file", `${folder}: cannot be written (${reason})`, { cause: error })
  }
  const built = findAddon(name)
  if (typeof built === "string") throw new VitrineError("backend", built)
  return built
}

async function build(name: AddonName, folder: string, files: SetupFiles, options: SetupOptions): Promise<void> {
  const { onProgress = () => {}, signal } = options
  onProgress({ type: "step", step: "check" })
  const compiler = await findCompiler()
  const plan = await planOf(name, files.wheels(), signal)
  const index = pythonIndex()
  const cache = downloadsOf(folder)
  await mkdir(cache, { recursive: true })
  await checkRoom(plan, cache)

  const total = plan.downloads.reduce((sum, { size }) => sum + size, 0)
  let before = 0
  for (const file of plan.downloads) {
    const onBytes = (done: number): void =>
      onProgress({ type: "download", file: file.name, done: before + done, total })
    await download(file, join(cache, file.name), { index, onBytes, signal })
    before += file.size
  }

  const staging = `${folder}.${process.pid}.${randomUUID()}`
  try {
    const target = join(staging, "node_modules", packages[name])
    onProgress({ type: "step", step: "sources" })
    await unpackSources(name, files.sources, staging, target)
    onProgress({ type: "step", step: "unpack" })
    for (const file of plan.downloads) await unpack(join(cache, file.name), target, placeInPackage)
    await linkLibraries(join(target, "deps", "lib"))
    onProgress({ type: "step", step: "compile" })
    await compile(compiler, target)
    onProgress({ type: "step", step: "test" })
    await tryOut(addonPath(target))
    await writeFile(join(staging, "package.json"), `${JSON.stringify({ private: true, ...releases }, null, 2)}\n`)
    await rm(folder, { recursive: true, force: true })
    await rename(staging, folder)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

const downloadsOf = (folder: string): string => join(dirname(folder), "downloads")

/** Removes the remains of setups that were killed during the build. */
async function removeLeftovers(folder: string): Promise<void> {
  const [parent, start] = [dirname(folder), `${basename(folder)}.`]
  for (const name of await readdir(parent)) {
    if (!name.startsWith(start)) continue
    if (!isRunning(Number(name.slice(start.length).split(".")[0]))) await rm(join(parent, name), { recursive: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

async function findCompiler(): Promise<string> {
  for (const candidate of [process.env.CXX, "c++", "g++", "clang++"])
    if (candidate !== undefined && (await works(candidate, "--version"))) return candidate
  const how = process.platform === "darwin" ? "xcode-select --install" : "apt-get install g++"
  throw new VitrineError("backend", `no C++ compiler: install one (${how}), or name it in CXX`)
}

const works = (command: string, ...args: string[]): Promise<boolean> =>
  run(command, args).then(
    () => true,
    () => false,
  )

async function checkRoom({ peakBytes }: SetupPlan, folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
  if (free < peakBytes)
    throw new VitrineError(
      "file",
      `not enough room in ${folder}: ${gigabytes(peakBytes)} are needed, ${gigabytes(free)} are free; VITRINE_CACHE names another folder`,
    )
}

/** Checks the hash of the npm package and unpacks it. Its install script does not run. */
async function unpackSources(name: AddonName, expected: string, staging: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  const spec = `${packages[name]}@${releases.tfjsNode}`
  try {
    await run("npm", ["pack", spec, "--pack-destination", staging, "--silent"], { cwd: staging })
    const [archive] = (await readdir(staging)).filter((file) => file.endsWith(".tgz"))
    if (archive === undefined) throw new Error("npm pack leaves no archive")
    const integrity = `sha512-${await hashOf(join(staging, archive), "sha512", "base64")}`
    if (integrity !== expected)
      throw new VitrineError("file", `npm gives ${spec} with ${integrity}, expected ${expected}`)
    await run("tar", ["-xzf", join(staging, archive), "-C", target, "--strip-components=1"])
    await rm(join(staging, archive))
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    throw new VitrineError("file", `npm cannot fetch ${spec} (${lastLine(error)})`, { cause: error })
  }
}

/**
 * The path of a wheel's file within the package: headers and libraries for the build, and CUDA's libraries where
 * TensorFlow looks for them.
 */
function placeInPackage(name: string): string | undefined {
  if (/^tensorflow\/libtensorflow_(cc|framework)\.[\w.]+$/.test(name)) return join("deps", "lib", basename(name))
  const header = /^tensorflow\/include\/((?:tensorflow\/c|tensorflow\/core\/platform|tsl|xla\/tsl\/c)\/.*\.h)$/.exec(
    name,
  )
  if (header?.[1] !== undefined) return join("deps", "include", header[1])
  return /^nvidia\/[\w]+\/(lib|bin|nvvm)\//.test(name) ? join("deps", name) : undefined
}

/**
 * Links libraries under the names without a version that the linker looks for. `libtensorflow` is a link to
 * `libtensorflow_cc`.
 */
async function linkLibraries(folder: string): Promise<void> {
  for (const file of await readdir(folder)) {
    const plain = file
      .replace(/^libtensorflow_cc/, "libtensorflow")
      .replace(/(?:\.\d+)*(\.so|\.dylib)(?:\.\d+)*$/, "$1")
    if (plain !== file) await symlink(file, join(folder, plain))
  }
}

const addonPath = (target: string): string => join(target, "lib", "napi-v8", "tfjs_binding.node")

async function compile(compiler: string, target: string): Promise<void> {
  const [output, libraries] = [addonPath(target), join(target, "deps", "lib")]
  await mkdir(dirname(output), { recursive: true })
  const headers = require("node-api-headers") as { include_dir: string }
  const mac = process.platform === "darwin"
  const args = [
    "-shared",
    "-fPIC",
    "-O2",
    "-std=c++17",
    "-w",
    ...(mac ? ["-undefined", "dynamic_lookup"] : []),
    "-DNAPI_VERSION=8",
    `-I${headers.include_dir}`,
    `-I${join(target, "deps", "include")}`,
    join("binding", "tfjs_backend.cc"),
    join("binding", "tfjs_binding.cc"),
    `-L${libraries}`,
    "-ltensorflow",
    "-ltensorflow_framework",
    `-Wl,-rpath,${mac ? "@loader_path" : "$ORIGIN"}/../../deps/lib`,
    "-o",
    output,
  ]
  try {
    await run(compiler, args, { cwd: target, maxBuffer: 1 << 24 })
    await access(output)
  } catch (error) {
    throw new VitrineError("backend", `${compiler} could not build the addon (${lastLine(error)})`, { cause: error })
  }
}

/** Loads the addon in a separate process, since loading may crash the process. */
async function tryOut(path: string): Promise<void> {
  const script = `const b = require(${JSON.stringify(path)}); const id = b.createTensor([2], 1, new Float32Array([1, 2])); if (b.tensorDataSync(id)[1] !== 2) process.exit(1)`
  try {
    await run(process.execPath, ["-e", script], { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" } })
  } catch (error) {
    throw new VitrineError("backend", `the addon was built, but does not load (${lastLine(error)})`, { cause: error })
  }
}

/** The line that says most in a program's error output. */
function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string }
  const lines = (stderr || message).trim().split("\n")
  return (lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? "").trim().slice(0, 300)
}

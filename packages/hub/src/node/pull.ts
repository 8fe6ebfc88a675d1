import { copyFile, mkdir, readdir, readFile, rm, stat, statfs, symlink } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { explaining, writeFileAtomic } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import { isDatasetName } from "../dataset-name.ts"
import { type HubName, hubAddress, parseHubName } from "../name.ts"
import { commitHash, commitOf, listedFiles } from "./api.ts"
import { repoFolder } from "./cache.ts"
import { listedDataset } from "./dataset.ts"
import { download, isLink, sizeOf } from "./download.ts"
import { type ModelFiles, modelFiles, type RemoteFile, remoteFile } from "./listing.ts"
import { Passing, type Requests, requests } from "./requests.ts"
import { type HubSettings, hubSettings } from "./settings.ts"

/** The progress of a download. */
export interface PullProgress {
  /** The name of the current file. */
  readonly file: string
  /**
   * The number of bytes of the missing files that are on this machine so far, with those of an interrupted download.
   */
  readonly bytes: number
  /** The number of bytes of all missing files. */
  readonly total: number
}

/** Options of fetching a model. */
export interface PullOptions {
  readonly onProgress?: (progress: PullProgress) => void
  readonly signal?: AbortSignal
}

/** A model of the hub after it was fetched. */
export interface PullResult {
  /** The path of the model's folder, or of its only file. `load` accepts it. Of a data set, the folder. */
  readonly path: string
  /** The model with its commit, `hf:owner/name@commit`. With this name `load` uses the cache without a request. */
  readonly name: string
  readonly commit: string
  /** The number of bytes that were fetched. */
  readonly fetched: number
  /**
   * The reason why the hub could not be reached, or null if it was reached or not needed. With a reason, the commit is
   * that of the cache.
   */
  readonly unreached: string | null
}

/**
 * Fetches a model of the Hugging Face hub: `hf:owner/name`, `hf:owner/name@revision` or `hf:owner/name/file.npz`. The
 * files go to the cache of Python's `huggingface_hub` (`HF_HUB_CACHE`, `HF_HOME`). Only files that the model needs and
 * the cache lacks are fetched. An interrupted download continues where it ended. Every file is checked against the
 * hub's checksum. `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` have their usual meaning.
 *
 *     const { path } = await pull("hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k")
 *
 * Of a data set, `hf:datasets/owner/name[@revision][/configuration]`, it fetches the Parquet files. `path` is then their
 * folder, which `resolveData` accepts.
 *
 * @throws VitrineError (config, file) for an invalid name; for a model that does not exist, is gated or has only
 *   pickles; for a hub that cannot be reached if the cache lacks the model; for a full disk and a wrong checksum
 */
export async function pull(text: string, options: PullOptions = {}): Promise<PullResult> {
  if (isDatasetName(text)) return pullDataset(text, options)
  const { onProgress, signal } = options
  const name = parseHubName(text)
  const settings = await hubSettings()
  const folder = repoFolder(name.repo)

  const isCommit = commitHash.test(name.revision)
  if (isCommit || settings.offline) {
    const cached = await cachedModel(folder, name)
    if (typeof cached === "object") return { ...cached, unreached: null }
    if (settings.offline) throw new VitrineError("file", `${cached}, and HF_HUB_OFFLINE is set: ${folderInstead(text)}`)
  }
  const server = requests(name, settings, signal)
  let listing: Listing
  try {
    listing = await listFiles(name, settings, server)
  } catch (error) {
    if (!(error instanceof Passing)) throw error
    const cached = await cachedModel(folder, name)
    if (typeof cached !== "object")
      throw new VitrineError("file", `${error.message}, and it lacks the model: ${folderInstead(text)}`, {
        cause: error,
      })
    return { ...cached, unreached: error.message }
  }
  const { commit, files } = listing
  const byPath = new Map(files.map((file) => [file.path, file]))
  const model = modelFiles([...byPath.keys()], name)
  const needed = [...model.configs, ...model.weights].flatMap((path) => byPath.get(path) ?? [])
  const fetched = await fetchAll({ name, commit, settings, server, folder, needed, onProgress, signal })
  // The reference is written last. Until the new commit is complete, a pull without the hub gets the old one.
  if (!isCommit) await writeRef(folder, join("refs", ...name.revision.split("/")), commit)
  return { ...locate(folder, name, commit, model), fetched, unreached: null }
}

/** What works without the hub. */
const folderInstead = (name: string): string =>
  `name a folder that lies here, with the model's files, in place of ${name}`

async function pullDataset(text: string, { onProgress, signal }: PullOptions): Promise<PullResult> {
  const { name, repo, revision, commit, files, below } = await listedDataset(text, signal)
  const settings = await hubSettings()
  const folder = repoFolder(repo)
  const hubName = { repo, revision, file: null }
  const server = requests(hubName, settings, signal)
  const fetched = await fetchAll({ name: hubName, commit, settings, server, folder, needed: files, onProgress, signal })
  if (!commitHash.test(revision)) await writeRef(folder, join("refs", ...revision.split("/")), commit)
  return { path: join(snapshotOf(folder, commit), below), name, commit, fetched, unreached: null }
}

/** The commit of a revision, and its files. */
interface Listing {
  readonly commit: string
  readonly files: readonly RemoteFile[]
}

async function listFiles({ repo, revision }: HubName, { endpoint }: HubSettings, { api }: Requests): Promise<Listing> {
  const commit = await commitOf(endpoint, repo, revision, api)
  const files: RemoteFile[] = []
  for await (const entry of listedFiles(endpoint, repo, commit, api)) {
    const file = remoteFile(entry, endpoint)
    if (file !== null) files.push(file)
  }
  return { commit, files }
}

interface Fetching {
  readonly name: HubName
  readonly commit: string
  readonly settings: HubSettings
  readonly server: Requests
  readonly folder: string
  readonly needed: readonly RemoteFile[]
  readonly onProgress: PullOptions["onProgress"] | undefined
  readonly signal: AbortSignal | undefined
}

/** Fetches the missing files, and links every file from the snapshot. Returns the number of fetched bytes. */
async function fetchAll({
  name,
  commit,
  settings,
  server,
  folder,
  needed,
  onProgress,
  signal,
}: Fetching): Promise<number> {
  const blob = ({ hash }: RemoteFile): string => join(folder, "blobs", hash.hex)
  await makeFolders(folder, "blobs", join("snapshots", commit))
  const missing = new Set<RemoteFile>()
  let left = 0
  for (const file of needed)
    if ((await sizeOf(blob(file))) !== file.size) {
      missing.add(file)
      left += file.size - Math.min(file.size, await sizeOf(`${blob(file)}.incomplete`))
    }
  await checkSpace(folder, left)
  const total = [...missing].reduce((sum, { size }) => sum + size, 0)
  const base = hubAddress({ ...name, revision: commit }, settings.endpoint)
  let before = 0
  for (const file of needed) {
    if (missing.has(file)) {
      const onBytes = (have: number): void => onProgress?.({ file: file.path, bytes: before + have, total })
      await download({ file, url: base + file.path, to: blob(file), requests: server, onBytes, signal })
      before += file.size
    }
    await makeFolders(folder, join("snapshots", commit, dirname(file.path)))
    await linkTo(blob(file), join(snapshotOf(folder, commit), file.path))
  }
  return left
}

async function checkSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await explaining(folder, "write", () => statfs(folder))
  const free = bavail * bsize
  if (needed > free)
    throw new VitrineError(
      "file",
      `${folder}: ${needed} bytes are to be fetched, and the disk has ${free} free; HF_HUB_CACHE sets another place`,
    )
}

/**
 * Makes folders below the folder of a model.
 * @throws VitrineError (file) for a link in the place of a folder, through which files would be written elsewhere
 */
async function makeFolders(folder: string, ...paths: string[]): Promise<void> {
  for (const path of paths) {
    let place = join(folder, path)
    for (; place.length > folder.length; place = dirname(place))
      if (await isLink(place))
        throw new VitrineError("file", `${place}: is a link in the place of a folder; remove it, or set HF_HUB_CACHE`)
    await explaining(folder, "write", () => mkdir(join(folder, path), { recursive: true }))
  }
}

/** Links a file of the snapshot to the content, as Python does. If the disk has no links, it copies. */
async function linkTo(blob: string, path: string): Promise<void> {
  await explaining(path, "write", async () => {
    await rm(path, { force: true })
    await symlink(relative(dirname(path), blob), path).catch(() => copyFile(blob, path))
  })
}

async function writeRef(folder: string, ref: string, commit: string): Promise<void> {
  await makeFolders(folder, dirname(ref))
  await writeFileAtomic(join(folder, ref), commit)
}

const snapshotOf = (folder: string, commit: string): string => join(folder, "snapshots", commit)

/** Finds a model in the cache. Returns a sentence that says what is missing if the model is not complete. */
async function cachedModel(folder: string, name: HubName): Promise<Omit<PullResult, "unreached"> | string> {
  const { repo, revision } = name
  const ref = join(folder, "refs", ...revision.split("/"))
  const commit = commitHash.test(revision) ? revision : (await readFile(ref, "utf8").catch(() => "")).trim()
  const place = `hf:${repo}@${revision}`
  if (!commitHash.test(commit)) return `${place}: is not in the cache (${folder})`
  const snapshot = snapshotOf(folder, commit)
  const paths: string[] = []
  // A link may point to a deleted file.
  for (const path of await readdir(snapshot).catch(() => []))
    if (((await stat(join(snapshot, path)).catch(() => undefined))?.size ?? 0) > 0) paths.push(path)
  try {
    return { ...locate(folder, name, commit, modelFiles(paths, name, snapshot)), fetched: 0 }
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    return `${place}: is not whole in the cache: ${error.message}`
  }
}

/** The path of a model in the cache, and its name with the commit. */
function locate(
  folder: string,
  { repo, file }: HubName,
  commit: string,
  { weights, alone }: ModelFiles,
): Pick<PullResult, "path" | "name" | "commit"> {
  const snapshot = snapshotOf(folder, commit)
  const [first = ""] = alone || file !== null ? weights : []
  return { path: join(snapshot, first), name: `hf:${repo}${file === null ? "" : `/${file}`}@${commit}`, commit }
}

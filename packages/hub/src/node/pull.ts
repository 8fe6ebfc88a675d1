import { copyFile, mkdir, readdir, readFile, rm, statfs, symlink } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { explaining, writeFileAtomic } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import { type HubName, hubAddress, parseHubName } from "../name.ts"
import { download, sizeOf } from "./download.ts"
import { type ModelFiles, modelFiles, type RemoteFile, remoteFile } from "./listing.ts"
import { Passing, type Requests, requests } from "./requests.ts"
import { type HubSettings, hubSettings } from "./settings.ts"

/** How far a download is. */
export interface PullProgress {
  /** The file that is under way. */
  readonly file: string
  /** Bytes that are there of all files that were missing, those of an earlier try included. */
  readonly bytes: number
  readonly total: number
}

export interface PullOptions {
  readonly onProgress?: (progress: PullProgress) => void
  readonly signal?: AbortSignal
}

/** A model of the hub on this machine. */
export interface PullResult {
  /** What to load: the folder of the model, or the one file that it is. */
  readonly path: string
  /** The same model by its commit: `hf:owner/name@commit`. It is loaded from the cache without asking the hub. */
  readonly name: string
  readonly commit: string
  /** Bytes that had to be fetched. */
  readonly fetched: number
  /** Why the hub was not asked which commit the revision is, if it could not be. */
  readonly unreached: string | null
}

/**
 * Fetches a model of the Hugging Face hub, `hf:owner/name`, `hf:owner/name@revision` or `hf:owner/name/file.npz`, into
 * the cache that it shares with Python's `huggingface_hub` (`HF_HUB_CACHE`, `HF_HOME`), and only what the model needs.
 * What is there already is not fetched again, an interrupted download goes on where it ended, and every file is checked
 * against the hub's checksum. `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are heard.
 *
 *     const { path } = await pull("hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k")
 *
 * @throws VitrineError (config, file): a name that is none, a model that is not there, gated or pickled, a hub that
 *   cannot be reached and of whose model nothing is in the cache, a full disk, a wrong checksum.
 */
export async function pull(text: string, { onProgress, signal }: PullOptions = {}): Promise<PullResult> {
  const name = parseHubName(text)
  const settings = await hubSettings()
  const { getHFHubCachePath, getRepoFolderName } = await import("@huggingface/hub")
  const cache = getHFHubCachePath()
  const folder = join(cache, getRepoFolderName({ type: "model", name: name.repo }))

  const isCommit = commitHash.test(name.revision)
  if (isCommit || settings.offline) {
    const cached = await cachedModel(folder, name)
    if (typeof cached === "object") return { ...cached, unreached: null }
    if (settings.offline) throw new VitrineError("file", `${cached}, and HF_HUB_OFFLINE is set`)
  }
  const ask = requests(name, settings, signal)
  let found: { commit: string; files: RemoteFile[] }
  try {
    found = await listed(name, settings, ask)
  } catch (error) {
    const cached = error instanceof Passing ? await cachedModel(folder, name) : undefined
    if (typeof cached !== "object") throw error
    return { ...cached, unreached: (error as Error).message }
  }
  const { commit, files } = found
  const byPath = new Map(files.map((file) => [file.path, file]))
  const chosen = modelFiles([...byPath.keys()], name)
  const needed = [...chosen.configs, ...chosen.weights].map((path) => byPath.get(path) as RemoteFile)
  const fetched = await fetchAll({ name, commit, settings, ask, folder, needed, onProgress, signal })
  // Last: until then the revision is, to those without the hub, what it was when all of it was there.
  if (!isCommit) await writeRef(join(folder, "refs", ...name.revision.split("/")), commit)
  return { ...placed(folder, name, commit, chosen), fetched, unreached: null }
}

const commitHash = /^[0-9a-f]{40}$/

/** Which commit a revision is, and the files that it has. */
async function listed(
  { repo, revision }: HubName,
  { endpoint }: HubSettings,
  { api }: Requests,
): Promise<{ commit: string; files: RemoteFile[] }> {
  const { modelInfo, listFiles } = await import("@huggingface/hub")
  const common = { hubUrl: endpoint, fetch: api }
  try {
    const { sha } = await modelInfo({ ...common, name: repo, revision, additionalFields: ["sha"] })
    if (typeof sha !== "string" || !commitHash.test(sha))
      throw new VitrineError("file", `${endpoint}: names no commit for hf:${repo}`)
    const files: RemoteFile[] = []
    for await (const entry of listFiles({ ...common, repo: { type: "model", name: repo }, revision: sha })) {
      const file = remoteFile(entry, endpoint)
      if (file !== null) files.push(file)
    }
    return { commit: sha, files }
  } catch (error) {
    if (VitrineError.isInstance(error) || (error as Error).name === "AbortError") throw error
    throw new VitrineError(
      "file",
      `${endpoint}: does not answer as the Hugging Face hub does (${(error as Error).message})`,
      {
        cause: error,
      },
    )
  }
}

interface Fetching {
  readonly name: HubName
  readonly commit: string
  readonly settings: HubSettings
  readonly ask: Requests
  readonly folder: string
  readonly needed: readonly RemoteFile[]
  readonly onProgress: PullOptions["onProgress"] | undefined
  readonly signal: AbortSignal | undefined
}

/** Fetches what is missing and gives the number of bytes that were; each file gets its place in the snapshot. */
async function fetchAll({
  name,
  commit,
  settings,
  ask,
  folder,
  needed,
  onProgress,
  signal,
}: Fetching): Promise<number> {
  const blob = ({ hash }: RemoteFile): string => join(folder, "blobs", hash.hex)
  await makeFolders(join(folder, "blobs"), snapshotOf(folder, commit))
  const missing: RemoteFile[] = []
  let left = 0
  for (const file of needed)
    if ((await sizeOf(blob(file))) !== file.size) {
      missing.push(file)
      left += file.size - Math.min(file.size, await sizeOf(`${blob(file)}.incomplete`))
    }
  await checkSpace(folder, left)
  const total = missing.reduce((sum, { size }) => sum + size, 0)
  const base = hubAddress({ ...name, revision: commit }, settings.endpoint)
  let before = 0
  for (const file of needed) {
    if (missing.includes(file)) {
      const onBytes = (have: number): void => onProgress?.({ file: file.path, bytes: before + have, total })
      await download({ file, url: base + file.path, to: blob(file), requests: ask, onBytes, signal })
      before += file.size
    }
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

async function makeFolders(...paths: string[]): Promise<void> {
  for (const path of paths) await explaining(path, "write", () => mkdir(path, { recursive: true }))
}

/** A link from the snapshot to the content, as Python makes it; a copy where there are no links. */
async function linkTo(blob: string, path: string): Promise<void> {
  await explaining(path, "write", async () => {
    await rm(path, { force: true })
    await symlink(relative(dirname(path), blob), path).catch(() => copyFile(blob, path))
  })
}

async function writeRef(path: string, commit: string): Promise<void> {
  await makeFolders(dirname(path))
  await writeFileAtomic(path, commit)
}

const snapshotOf = (folder: string, commit: string): string => join(folder, "snapshots", commit)

/** What the cache has of a model, or what it lacks, in words. */
async function cachedModel(folder: string, name: HubName): Promise<Omit<PullResult, "unreached"> | string> {
  const { repo, revision } = name
  const ref = join(folder, "refs", ...revision.split("/"))
  const commit = commitHash.test(revision) ? revision : (await readFile(ref, "utf8").catch(() => "")).trim()
  const place = `hf:${repo}@${revision}`
  if (!commitHash.test(commit)) return `${place}: is not in the cache (${folder})`
  const snapshot = snapshotOf(folder, commit)
  const paths: string[] = []
  // A link may lead to what is not there any more.
  for (const path of await readdir(snapshot).catch(() => []))
    if ((await sizeOf(join(snapshot, path))) > 0) paths.push(path)
  try {
    return { ...placed(folder, name, commit, modelFiles(paths, name, snapshot)), fetched: 0 }
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    return `${place}: is not whole in the cache: ${error.message}`
  }
}

/** Where a model lies. */
function placed(
  folder: string,
  { repo, file }: HubName,
  commit: string,
  { weights, alone }: ModelFiles,
): Pick<PullResult, "path" | "name" | "commit"> {
  const snapshot = snapshotOf(folder, commit)
  const one = alone || file !== null ? join(snapshot, weights[0] as string) : snapshot
  return { path: one, name: `hf:${repo}${file === null ? "" : `/${file}`}@${commit}`, commit }
}

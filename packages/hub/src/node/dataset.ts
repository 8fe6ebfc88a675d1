import { VitrineError } from "@vitrine/core"
import { type DatasetName, parseDatasetName } from "../dataset-name.ts"
import { hubAddress } from "../name.ts"
import { commitOf, listedFiles } from "./api.ts"
import { type RemoteFile, remoteFile } from "./listing.ts"
import { requests } from "./requests.ts"
import { type HubSettings, hubSettings } from "./settings.ts"

/** A data set of the hub at a commit. */
export interface HubDataset {
  /** The data set with its commit, `hf:datasets/owner/name@commit[/configuration]`. */
  readonly name: string
  readonly commit: string
  readonly files: readonly HubDatasetFile[]
}

/** A Parquet file of a data set. */
export interface HubDatasetFile {
  /** The path in the repository, below the configuration. */
  readonly name: string
  readonly url: string
  readonly bytes: number
  /** The header `Authorization`, for the host of `url` alone. */
  readonly authorization: string | undefined
}

/** The branch on which the hub keeps data sets that are not Parquet as Parquet. */
const converted = "refs/convert/parquet"

/**
 * Finds the Parquet files of a data set on the Hugging Face hub: those of the revision, or those that the hub converts
 * of its main branch. `HF_ENDPOINT` and `HF_TOKEN` have their usual meaning.
 * @throws VitrineError (config, file)
 */
export async function hubDataset(text: string, signal?: AbortSignal): Promise<HubDataset> {
  const { name, commit, endpoint, authorization, repo, files, below } = await listedDataset(text, signal)
  const base = hubAddress({ repo, revision: commit, file: null }, endpoint)
  return {
    name,
    commit,
    files: files.map(({ path, size }) => ({
      name: path.slice(below.length),
      url: base + path.split("/").map(encodeURIComponent).join("/"),
      bytes: size,
      authorization,
    })),
  }
}

/** The Parquet files of a data set at a commit, with their checksums. */
export interface ListedDataset extends Pick<HubSettings, "endpoint" | "authorization"> {
  /** `hf:datasets/owner/name@commit[/configuration]`. */
  readonly name: string
  /** `datasets/owner/name`. */
  readonly repo: string
  readonly revision: string
  readonly commit: string
  readonly files: readonly RemoteFile[]
  /** The start of the paths: the folder of the configuration, with "/" at its end, or "". */
  readonly below: string
  /** Whether there are Parquet files, be it of other configurations. */
  readonly any: boolean
}

/** Finds the Parquet files of a data set, as `hubDataset`. */
export async function listedDataset(text: string, signal?: AbortSignal): Promise<ListedDataset> {
  const dataset = parseDatasetName(text)
  const found = await parquetOf(dataset, signal)
  if (found.files.length > 0) return found
  const { repo, revision, configuration } = dataset
  if (revision !== "main" || (configuration !== null && found.any)) throw nothing(dataset)
  const other = await parquetOf({ ...dataset, revision: converted }, signal).catch((error: unknown) => {
    if (VitrineError.isInstance(error) && error.message.includes("has no revision")) throw nothing({ ...dataset, repo })
    throw error
  })
  if (other.files.length === 0) throw nothing(dataset)
  return other
}

const nothing = ({ repo, revision, configuration }: DatasetName): VitrineError =>
  new VitrineError(
    "file",
    `hf:${repo}: has no Parquet files${configuration === null ? "" : ` of the configuration ${configuration}`} at ${revision}, and the hub has converted none: download it, and give its folder`,
  )

async function parquetOf(
  { repo, revision, configuration }: DatasetName,
  signal: AbortSignal | undefined,
): Promise<ListedDataset> {
  const settings = await hubSettings()
  const { endpoint, authorization } = settings
  if (settings.offline)
    throw new VitrineError("file", `hf:${repo}: HF_HUB_OFFLINE is set, and data sets are read from the hub`)
  const { api } = requests({ repo, revision, file: null }, settings, signal)
  const commit = await commitOf(endpoint, repo, revision, api)
  const below = configuration === null ? "" : `${configuration}/`
  const all: RemoteFile[] = []
  for await (const entry of listedFiles(endpoint, repo, commit, api, true)) {
    const file = remoteFile(entry, endpoint, isParquetPath)
    if (file !== null) all.push(file)
  }
  const files = all.filter(({ path }) => path.startsWith(below)).sort((a, b) => (a.path < b.path ? -1 : 1))
  const name = `hf:${repo}@${commit}${configuration === null ? "" : `/${configuration}`}`
  return { name, repo, revision, commit, endpoint, authorization, files, below, any: all.length > 0 }
}

/** Whether a path is that of a Parquet file, and has only plain names, none of which leads elsewhere. */
const isParquetPath = (path: string): boolean =>
  path.endsWith(".parquet") && path.split("/").every((part) => /^[\w+=-][\w.+=-]*$/.test(part))

import { parseJson } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import type { ListedFile } from "./listing.ts"

/**
 * The commit of a revision, by the hub's `/api/models/NAME/revision/REVISION`, or `/api/datasets/…` for a data set.
 * @param fetchJson throws for an answer without success
 * @throws VitrineError (file) for an answer that names no commit
 */
export async function commitOf(
  endpoint: string,
  repo: string,
  revision: string,
  fetchJson: typeof fetch,
): Promise<string> {
  const url = `${endpoint}/api/${apiPath(repo)}/revision/${encodeURIComponent(revision)}?expand=sha`
  const answer = await json(endpoint, await fetchJson(url))
  const sha = typeof answer === "object" && answer !== null && "sha" in answer ? answer.sha : undefined
  if (typeof sha !== "string" || !commitHash.test(sha))
    throw new VitrineError("file", `${endpoint}: names no commit for hf:${repo}`)
  return sha
}

/** The name of a data set begins with datasets/ everywhere, that of a model does not in addresses of files. */
const apiPath = (repo: string): string => (isDatasetRepo(repo) ? repo : `models/${repo}`)

export const isDatasetRepo = (repo: string): boolean => repo.startsWith("datasets/")

export const commitHash: RegExp = /^[0-9a-f]{40}$/

/**
 * The files of a repository, unchecked, by the pages of `/api/models/NAME/tree/COMMIT`.
 * @param recursive whether files in folders are listed
 * @param fetchJson throws for an answer without success
 * @throws VitrineError (file) for a page that is no list
 */
export async function* listedFiles(
  endpoint: string,
  repo: string,
  commit: string,
  fetchJson: typeof fetch,
  recursive = false,
): AsyncGenerator<ListedFile> {
  let url: string | undefined = `${endpoint}/api/${apiPath(repo)}/tree/${commit}?recursive=${recursive}`
  while (url !== undefined) {
    const response: Response = await fetchJson(url)
    const page = await json(endpoint, response)
    if (!Array.isArray(page)) throw otherAnswer(endpoint, "a page of files is no list")
    for (const entry of page) if (typeof entry === "object" && entry !== null) yield entry
    url = /<(https?:\/\/[^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1]
    if (url !== undefined && !URL.canParse(url)) throw otherAnswer(endpoint, "the address of the next page is none")
  }
}

async function json(endpoint: string, response: Response): Promise<unknown> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  try {
    return parseJson(bytes, endpoint)
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(`${endpoint}: `, "") : ""
    throw otherAnswer(endpoint, why, error)
  }
}

const otherAnswer = (endpoint: string, why: string, cause?: unknown): VitrineError =>
  new VitrineError("file", `${endpoint}: does not answer as the Hugging Face hub does (${why})`, { cause })

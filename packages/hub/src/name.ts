import { VitrineError } from "@vitrine/core"

/** A model of the hub. */
export interface HubName {
  /** `owner/name`. */
  readonly repo: string
  /** A branch, a tag or a commit; `main` by default. */
  readonly revision: string
  /** The file of the weights if the name has one; otherwise null, and the repository must have only one. */
  readonly file: string | null
}

const prefix = "hf:"
const part = /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?$/
const revisionPart = /^[\w+-][\w.+-]*$/
/** Names that are plain files on every system. */
export const plainFile: RegExp = /^[\w+-][\w.+-]*$/

/** Whether a text names a model of the hub, `hf:owner/name`. Otherwise it is a path. */
export const isHubName = (text: string): boolean => text.startsWith(prefix)

/**
 * Parses `hf:owner/name`, which may end with `@revision` or `/file`. The prefix may be missing.
 * @throws VitrineError (config) for any other text
 */
export function parseHubName(text: string): HubName {
  const bare = isHubName(text) ? text.slice(prefix.length) : text
  const at = bare.indexOf("@")
  const [path, revision] = at < 0 ? [bare, "main"] : [bare.slice(0, at), bare.slice(at + 1)]
  const [owner = "", name = "", file = null, ...rest] = path.split("/")
  const isRepo = [owner, name].every((word) => word.length <= 96 && part.test(word) && !/--|\.\./.test(word))
  const isRevision = revision.length <= 200 && revision.split("/").every((word) => revisionPart.test(word))
  const isFile = file === null || (plainFile.test(file) && /\.(npz|safetensors)$/.test(file))
  if (isRepo && isRevision && isFile && rest.length === 0) return { repo: `${owner}/${name}`, revision, file }
  const quoted = JSON.stringify(text.length > 200 ? `${text.slice(0, 199)}…` : text)
  throw new VitrineError(
    "config",
    `${quoted}: is no name of a model on the hub; expected hf:owner/name, hf:owner/name@revision or hf:owner/name/file.npz`,
  )
}

/** The address of a model's files. Pages fetch from it themselves. */
export function hubAddress({ repo, revision }: HubName, endpoint = "https://huggingface.co"): string {
  return `${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/`
}

import { VitrineError } from "@vitrine/core"

/** A model of the hub. */
export interface HubName {
  /** `owner/name`. */
  readonly repo: string
  /** A branch, a tag or a commit; `main` by default. */
  readonly revision: string
  /** The weights to take where a repository holds several. */
  readonly file: string | null
}

const prefix = "hf:"
const part = /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?$/
const revisionPart = /^[\w+-][\w.+-]*$/
/** A name that is a file's and nothing else on any system. */
export const plainFile: RegExp = /^[\w+-][\w.+-]*$/

/** Whether a text names a model of the hub rather than a path: `hf:owner/name`. */
export const isHubName = (text: string): boolean => text.startsWith(prefix)

/**
 * Takes `hf:owner/name` apart, with `@revision` or `/file` behind it; the prefix may be left out.
 * @throws VitrineError (config) for anything else.
 */
export function parseHubName(text: string): HubName {
  const given = isHubName(text) ? text.slice(prefix.length) : text
  const at = given.indexOf("@")
  const [path, revision] = at < 0 ? [given, "main"] : [given.slice(0, at), given.slice(at + 1)]
  const [owner = "", name = "", file = null, ...rest] = path.split("/")
  const isRepo = [owner, name].every((word) => word.length <= 96 && part.test(word) && !/--|\.\./.test(word))
  const isRevision = revision.length <= 200 && revision.split("/").every((word) => revisionPart.test(word))
  const isFile = file === null || (plainFile.test(file) && /\.(npz|safetensors)$/.test(file))
  if (isRepo && isRevision && isFile && rest.length === 0) return { repo: `${owner}/${name}`, revision, file }
  const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 199)}…` : text)
  throw new VitrineError(
    "config",
    `${shown}: is no name of a model on the hub; expected hf:owner/name, hf:owner/name@revision or hf:owner/name/file.npz`,
  )
}

/** The address under which a model's files lie, for what fetches them itself, such as a page. */
export function hubAddress({ repo, revision }: HubName, endpoint = "https://huggingface.co"): string {
  return `${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/`
}

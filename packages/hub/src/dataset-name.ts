import { VitrineError } from "@vitrine/core"
import { parseHubName } from "./name.ts"

/** A data set of the hub. */
export interface DatasetName {
  /** `datasets/owner/name`. */
  readonly repo: string
  /** A branch, a tag or a commit; `main` by default. */
  readonly revision: string
  /** One of several configurations, or null. */
  readonly configuration: string | null
}

const prefix = "hf:datasets/"

/** Whether a text names a data set of the hub, `hf:datasets/owner/name`. */
export const isDatasetName = (text: string): boolean => text.startsWith(prefix)

/**
 * Parses `hf:datasets/owner/name`, which may end with `@revision` and `/configuration`.
 * @throws VitrineError (config) for any other text
 */
export function parseDatasetName(text: string): DatasetName {
  const fail = (): never => {
    throw new VitrineError(
      "config",
      `${JSON.stringify(text.slice(0, 200))}: is no name of a data set on the hub; expected hf:datasets/owner/name[@revision][/configuration]`,
    )
  }
  const [, owner = "", name = "", revision = "main", configuration = null] =
    /^hf:datasets\/([^/@]+)\/([^/@]+)(?:@(refs\/pr\/\d+|refs\/convert\/\w+|[^/@]+))?(?:\/([\w.+-]+))?$/.exec(text) ??
    fail()
  try {
    const { repo } = parseHubName(`${owner}/${name}@${revision}`)
    return { repo: `datasets/${repo}`, revision, configuration }
  } catch {
    return fail()
  }
}

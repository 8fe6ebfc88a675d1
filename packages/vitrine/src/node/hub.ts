import { resolve } from "node:path"
import { isHubName } from "@vitrine/hub"
import { pull } from "@vitrine/hub/node"

/** Where a model lies, and a name by which it is found again from anywhere. */
export interface ModelPlace {
  readonly path: string
  /** An absolute path, or `hf:owner/name@commit`. */
  readonly name: string
}

/** The place of a model that is given by its path, or by a name such as `hf:owner/name`: then it is fetched. */
export async function locate(model: string): Promise<ModelPlace> {
  return isHubName(model) ? pull(model) : { path: model, name: resolve(model) }
}

import { resolve } from "node:path"
import { isHubName } from "@vitrine/hub"
import { pull } from "@vitrine/hub/node"

/** Where a model lies. */
export interface ModelPlace {
  readonly path: string
  /** An absolute path, or `hf:owner/name@commit`: both find the model again from anywhere. */
  readonly name: string
}

/** The place of a model by its path, or by a name such as `hf:owner/name`, which is fetched first. */
export async function locate(model: string): Promise<ModelPlace> {
  return isHubName(model) ? pull(model) : { path: model, name: resolve(model) }
}

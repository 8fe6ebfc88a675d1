import { resolve } from "node:path"
import { isHubName } from "@vitrine/hub"
import { pull } from "@vitrine/hub/node"

/** The place of a model's files. */
export interface ModelPlace {
  readonly path: string
  /** An absolute path, or `hf:owner/name@commit`. Both find the model again from any folder. */
  readonly name: string
}

/** Finds a model by its path, or by a name such as `hf:owner/name`. A model of the hub is fetched first. */
export async function locate(model: string): Promise<ModelPlace> {
  return isHubName(model) ? pull(model) : { path: model, name: resolve(model) }
}

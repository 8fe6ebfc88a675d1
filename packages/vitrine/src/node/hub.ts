import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { isHubName } from "@vitrine/hub"
import { pull } from "@vitrine/hub/node"

/** The place of a model's files. */
export interface ModelPlace {
  readonly path: string
  /** An absolute path, or `hf:owner/name@commit`. Both find the model again from any folder. */
  readonly name: string
}

/**
 * Finds a model by its path, or by a name such as `hf:owner/name`. A model of the hub is fetched first.
 * @throws VitrineError (file) for a path that does not exist
 */
export async function locate(model: string): Promise<ModelPlace> {
  const place = await modelPlace(model)
  if (place.path === model && (await isMissing(model)))
    throw new VitrineError("file", `${model}: cannot read: no such file or folder; ${hubNames}`)
  return place
}

/** The place of a model, as `locate` finds it. Its path may not exist. */
export async function modelPlace(model: string): Promise<ModelPlace> {
  return isHubName(model) ? pull(model) : { path: model, name: resolve(model) }
}

const hubNames =
  "a model of the Hugging Face hub is named hf:OWNER/NAME, timm's for instance hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"

const isMissing = (path: string): Promise<boolean> =>
  stat(path).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === "ENOENT",
  )

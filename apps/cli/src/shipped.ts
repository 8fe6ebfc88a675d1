import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { UsageError } from "./errors.ts"

const prefix = "vitrine:"

/** A model of photographs that comes with the command. It needs no network. */
export const photographModel = `${prefix}cifar10-hybrid`

/**
 * The folder of a model that comes with the command, or null for a name of another kind.
 * @throws UsageError for a model that does not come with it
 */
export function shippedModel(model: string): string | null {
  if (!model.startsWith(prefix)) return null
  const folder = join(dirname(fileURLToPath(import.meta.resolve("@vitrine/recipes/package.json"))), "models")
  const names = readdirSync(folder)
  const name = model.slice(prefix.length)
  if (!names.includes(name))
    throw new UsageError(
      `${model}: no such model comes with the command: name ${names.map((each) => prefix + each).join(" or ")}`,
    )
  return join(folder, name)
}

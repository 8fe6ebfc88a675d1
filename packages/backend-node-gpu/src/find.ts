import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import envPaths from "env-paths"

/** The addons by their device: CUDA or the processor. */
export type AddonName = "node-gpu" | "node-cpu"

/** The npm package of each addon. */
export const packages: Readonly<Record<AddonName, string>> = {
  "node-gpu": "@tensorflow/tfjs-node-gpu",
  "node-cpu": "@tensorflow/tfjs-node",
}

/** An addon on disk. */
export interface Addon {
  readonly name: AddonName
  readonly version: string
  /** The folder of its npm package. */
  readonly folder: string
  readonly path: string
}

/** The folder where `vitrine setup` puts an addon. It is in `VITRINE_CACHE`, or else in the user's cache folder. */
export function setupFolder(name: AddonName): string {
  const cache = process.env.VITRINE_CACHE ?? envPaths("vitrine", { suffix: "" }).cache
  return join(cache, `${name}-${process.platform}-${process.arch}`)
}

/**
 * Finds the addon that `vitrine setup` has built, or else the one in the `node_modules` of the running program. If
 * there is neither, it returns a line that says why.
 */
export function findAddon(name: AddonName): Addon | string {
  const reasons: string[] = []
  for (const from of [setupFolder(name), process.cwd()]) {
    const addon = addonIn(name, from)
    if (typeof addon !== "string") return addon
    reasons.push(addon)
  }
  return `${reasons.at(-1)}; run \`vitrine setup ${name}\``
}

function addonIn(name: AddonName, from: string): Addon | string {
  let manifest: string
  try {
    manifest = createRequire(pathToFileURL(join(from, "package.json"))).resolve(`${packages[name]}/package.json`)
  } catch {
    return `${packages[name]} is not installed`
  }
  const folder = dirname(manifest)
  const { version, binary } = JSON.parse(readFileSync(manifest, "utf8")) as {
    version: string
    binary: { napi_versions: number[] }
  }
  const path = join(folder, "lib", `napi-v${Math.max(...binary.napi_versions)}`, "tfjs_binding.node")
  return existsSync(path)
    ? { name, version, folder, path }
    : `${packages[name]} ${version} is installed without its native addon (its download or build has failed)`
}

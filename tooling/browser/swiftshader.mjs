// SwiftShader for tests in Node: the Vulkan driver, with a loader, that Chromium brings.
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { findChromium } from "./chromium.mjs"

/** The folder that holds Chromium's Vulkan loader and SwiftShader, or undefined. */
function findDriver() {
  const chromium = findChromium()
  if (process.platform !== "linux" || chromium === undefined) return undefined
  const binary = realpathSync(chromium)
  // Distributions start Chromium by a script, which names its folder.
  const script = readFileSync(binary).subarray(0, 4096).toString("latin1")
  const named = script.startsWith("#!") ? [...script.matchAll(/\/[\w./-]*chrom[\w./-]*/g)].map(([path]) => path) : []
  const folders = [dirname(binary), ...named, ...named.map(dirname), "/usr/lib/chromium"]
  return folders.find((folder) =>
    ["libvulkan.so.1", "vk_swiftshader_icd.json"].every((file) => existsSync(join(folder, file))),
  )
}

/** The variables with which a process finds SwiftShader when it starts, or undefined. */
export function swiftShaderEnvironment() {
  const folder = findDriver()
  if (folder === undefined) return undefined
  return { VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: folder }
}

/** Lets Dawn find SwiftShader in this process; false where there is none. */
export function useSwiftShader() {
  const folder = findDriver()
  if (folder === undefined) return false
  process.env.VK_ICD_FILENAMES ??= join(folder, "vk_swiftshader_icd.json")
  const keepLoaded = 0x1000 // RTLD_NODELETE
  try {
    // Dawn asks for the loader by name, and gets the one that is loaded already. Node refuses it as an addon only then.
    process.dlopen({ exports: {} }, join(folder, "libvulkan.so.1"), constants.dlopen.RTLD_NOW | keepLoaded)
  } catch {}
  return true
}

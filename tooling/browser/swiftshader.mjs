// SwiftShader for tests in Node. Chromium contains this Vulkan driver and a loader for it.
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { findChromium } from "./chromium.mjs"

/** The folder of Chromium's Vulkan loader and SwiftShader, or undefined. */
function findDriver() {
  const chromium = findChromium()
  if (process.platform !== "linux" || chromium === undefined) return undefined
  const binary = realpathSync(chromium)
  // Distributions start Chromium with a script that names the folder.
  const script = readFileSync(binary).subarray(0, 4096).toString("latin1")
  const named = script.startsWith("#!") ? [...script.matchAll(/\/[\w./-]*chrom[\w./-]*/g)].map(([path]) => path) : []
  const folders = [dirname(binary), ...named, ...named.map(dirname), "/usr/lib/chromium"]
  return folders.find((folder) =>
    ["libvulkan.so.1", "vk_swiftshader_icd.json"].every((file) => existsSync(join(folder, file))),
  )
}

/** The environment variables with which a new process finds SwiftShader, or undefined. */
export function swiftShaderEnvironment() {
  const folder = findDriver()
  if (folder === undefined) return undefined
  return { VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: folder }
}

/** Lets Dawn find SwiftShader in this process. Returns false if there is none. */
export function useSwiftShader() {
  const folder = findDriver()
  if (folder === undefined) return false
  process.env.VK_ICD_FILENAMES ??= join(folder, "vk_swiftshader_icd.json")
  const keepLoaded = 0x1000 // RTLD_NODELETE
  try {
    // Dawn opens the loader by name and gets the library that is already loaded. Node loads the library and then
    // refuses it as an addon, so it stays loaded.
    process.dlopen({ exports: {} }, join(folder, "libvulkan.so.1"), constants.dlopen.RTLD_NOW | keepLoaded)
  } catch {}
  return true
}

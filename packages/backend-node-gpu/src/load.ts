import { createRequire } from "node:module"
import util from "node:util"
import { VitrineError } from "@vitrine/core"
import { type NodeGpuOptions, type TensorFlowBackend, tensorFlowBackend } from "./backend.ts"
import type { Binding } from "./binding.ts"
import { type Addon, type AddonName, findAddon, packages } from "./find.ts"

/** Restores functions that tfjs-node calls and Node 23 no longer has: https://github.com/tensorflow/tfjs/issues/8609 */
export function polyfillUtil(): void {
  const removed = util as unknown as Record<string, unknown>
  removed.isNullOrUndefined = (value: unknown) => value === null || value === undefined
  removed.isArray = Array.isArray
}

/** The oldest TensorFlow release that can run the graphs of this package. */
const oldestTensorFlow = [2, 15] as const

/**
 * Loads an addon into this process.
 * @throws VitrineError (backend) if the addon does not load, or its TensorFlow is too old. The message names the
 *   command that helps.
 */
export function loadBinding(addon: Addon): Binding {
  // TensorFlow must not log to standard error. Its errors also arrive as exceptions.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "3"
  let binding: Binding
  try {
    binding = createRequire(import.meta.url)(addon.path) as Binding
  } catch (error) {
    const [why] = (error as Error).message.split("\n")
    throw new VitrineError(
      "backend",
      `${packages[addon.name]} ${addon.version} cannot be loaded (${why}): run \`vitrine setup ${addon.name} --force\``,
      { cause: error },
    )
  }
  const [major = 0, minor = 0] = binding.TF_Version.split(".").map(Number)
  if (major < oldestTensorFlow[0] || (major === oldestTensorFlow[0] && minor < oldestTensorFlow[1]))
    throw new VitrineError(
      "backend",
      `${packages[addon.name]} in ${addon.folder} holds TensorFlow ${binding.TF_Version}, but ${oldestTensorFlow.join(".")} or newer is needed: run \`vitrine setup ${addon.name}\``,
    )
  return binding
}

export interface LoadOptions extends NodeGpuOptions {
  /**
   * The number of threads of one op; by default the number of cores. The first backend of a process decides for all
   * later ones.
   */
  readonly threads?: number | undefined
  /** Called with one line if `node-gpu` has to compute on the processor. */
  readonly onFallback?: (message: string) => void
}

/**
 * The backend on TensorFlow's native library, with CUDA (`node-gpu`) or on the processor (`node-cpu`). By default it
 * uses the first of the two whose addon exists.
 * @throws VitrineError (backend) if there is no addon, or it does not load. The message names the command that helps.
 */
export async function nodeGpuBackend(name?: AddonName, options: LoadOptions = {}): Promise<TensorFlowBackend> {
  const addon = name === undefined ? firstAddon() : findAddon(name)
  if (typeof addon === "string") throw new VitrineError("backend", addon)
  if (options.threads !== undefined) process.env.TF_NUM_INTRAOP_THREADS ??= String(options.threads)
  const binding = loadBinding(addon)
  if (addon.name === "node-gpu" && !binding.isUsingGpuDevice())
    options.onFallback?.(
      `TensorFlow ${binding.TF_Version} finds no CUDA device (is there an NVIDIA driver? see nvidia-smi): it computes on the processor`,
    )
  return tensorFlowBackend(binding, options)
}

/** Finds the addon for GPUs, or else the one for processors. If there is neither, it returns a line that says why. */
function firstAddon(): Addon | string {
  const addon = findAddon("node-gpu")
  return typeof addon === "string" ? findAddon("node-cpu") : addon
}

import { VitrineError } from "@vitrine/core"
import type { AddonName } from "../find.ts"
import { compareReleases, type IndexFile, indexFiles, networkError, releaseOf } from "./python-index.ts"

/** The release of the addon's sources, and that of the library against which they are compiled. */
export const releases = { tfjsNode: "4.22.0", tensorflow: "2.21.0" } as const

export interface Download extends IndexFile {
  readonly size: number
}

/** The files that a setup downloads, and the room that it takes. */
export interface SetupPlan {
  readonly name: AddonName
  readonly downloads: readonly Download[]
  /** Bytes on disk at the most, while the archives are unpacked. */
  readonly peakBytes: number
}

/** The project whose wheel holds libtensorflow without CUDA for a platform, and the end of that wheel's name. */
const platforms: Readonly<Record<string, { readonly cpu: string; readonly wheel: RegExp }>> = {
  "linux-x64": { cpu: "tensorflow-cpu", wheel: /-manylinux\w*_x86_64\.whl$/ },
  "linux-arm64": { cpu: "tensorflow", wheel: /-manylinux\w*_aarch64\.whl$/ },
  "darwin-arm64": { cpu: "tensorflow", wheel: /-macosx_\d+_\d+_arm64\.whl$/ },
}

/** The requirements of `tensorflow[and-cuda]` in that release: the least version, and the first that is too new. */
const cuda: readonly (readonly [project: string, least: string, below: string])[] = [
  ["nvidia-cublas-cu12", "12.5.3.2", "13"],
  ["nvidia-cuda-cupti-cu12", "12.5.82", "13"],
  ["nvidia-cuda-nvcc-cu12", "12.5.82", "13"],
  ["nvidia-cuda-nvrtc-cu12", "12.5.82", "13"],
  ["nvidia-cuda-runtime-cu12", "12.5.82", "13"],
  ["nvidia-cudnn-cu12", "9.3.0.75", "10"],
  ["nvidia-cufft-cu12", "11.2.3.61", "12"],
  ["nvidia-curand-cu12", "10.3.6.82", "11"],
  ["nvidia-cusolver-cu12", "11.6.3.83", "12"],
  ["nvidia-cusparse-cu12", "12.5.1.3", "13"],
  ["nvidia-nccl-cu12", "2.27.7", "3"],
  ["nvidia-nvjitlink-cu12", "12.5.82", "13"],
]

/**
 * The files that a setup needs, with their sizes, by the Python index.
 * @throws VitrineError (backend) on a platform for which there is no recipe; (file) where the index cannot be reached.
 */
export async function planSetup(name: AddonName, signal?: AbortSignal): Promise<SetupPlan> {
  const here = `${process.platform}-${process.arch}`
  const platform = platforms[here]
  if (platform === undefined)
    throw new VitrineError(
      "backend",
      `no ${name} on ${here}: it can be set up on ${Object.keys(platforms).join(", ")}; --backend onnx runs here`,
    )
  if (name === "node-gpu" && here !== "linux-x64")
    throw new VitrineError("backend", `no node-gpu on ${here}: CUDA's libraries are published for linux-x64 alone`)

  /** The newest of a project's wheels that fit. */
  const wheel = async (project: string, fits: (version: string, file: string) => boolean): Promise<Download> => {
    const files = (await indexFiles(project, signal)).flatMap((file) => {
      const version = releaseOf(file)
      return version !== undefined && fits(version, file.name) ? [{ file, version }] : []
    })
    const [newest] = files.sort((a, b) => compareReleases(b.version, a.version))
    if (newest === undefined) throw new VitrineError("file", `the Python index has no wheel of ${project} for ${here}`)
    return { ...newest.file, size: await sizeOf(newest.file.url, signal) }
  }
  // Only the libraries in the wheel are used, so the wheel of any Python version would do: this is 3.11's.
  const library = wheel(
    name === "node-cpu" ? platform.cpu : "tensorflow",
    (version, file) => version === releases.tensorflow && file.includes("-cp311-") && platform.wheel.test(file),
  )
  const gpu = name === "node-gpu" ? cuda : []
  const downloads = await Promise.all([
    library,
    ...gpu.map(([project, least, below]) =>
      wheel(
        project,
        (version, file) =>
          /manylinux\w*_x86_64/.test(file) &&
          compareReleases(version, least) >= 0 &&
          compareReleases(version, below) < 0,
      ),
    ),
  ])
  const room = downloads.map(({ name: file, size }) => size * (file.startsWith("tensorflow") ? 4.5 : 2.5))
  // A wheel and its unpacked libraries take 4.1 times the wheel's size for libtensorflow, up to 2.4 times for NVIDIA's.
  return { name, downloads, peakBytes: Math.ceil(room.reduce((sum, bytes) => sum + bytes, 0)) }
}

async function sizeOf(url: string, signal?: AbortSignal): Promise<number> {
  let response: Response
  try {
    response = await fetch(url, { method: "HEAD", ...(signal ? { signal } : {}) })
  } catch (error) {
    if (signal?.aborted) throw error
    throw networkError(url, error)
  }
  const size = Number(response.headers.get("content-length"))
  if (!response.ok || !(size > 0)) throw new VitrineError("file", `${url} answers ${response.status} without a size`)
  return size
}

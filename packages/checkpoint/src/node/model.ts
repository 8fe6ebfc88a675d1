import { stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { type DetectorHints, openDetector, type OpenDetector } from "../detr.ts"
import { fileError } from "../errors.ts"
import { conversion } from "../foreign.ts"
import { onnxExport, openGoogleModel, openModel, type OpenModel } from "../model.ts"
import type { ModelFiles } from "../model-files.ts"
import type { ByteSource } from "@vitrine/archive"
import { taskOfFiles, type TaskName } from "../task.ts"
import type { ModelHints } from "../description.ts"
import type { Weights } from "../weights.ts"
import { explaining, readJson } from "./files.ts"
import { openFile, weightsFormat } from "./open.ts"
import { runOfCheckpoint } from "./run-checkpoints.ts"

/** A model from a run folder, a folder of timm or Hugging Face, or an .npz file of Google. */
export interface ModelFolder extends OpenModel {
  /** The absolute path. */
  readonly path: string
  /** The weights. Their files are open until `close`. */
  readonly weights: Weights & { close(): Promise<void> }
}

/**
 * Opens the model at a path, as `openModel` does. The path is a folder, its `config.json`, a checkpoint of a run, or a
 * safetensors file. Any other file must be an .npz file of Google.
 * @param hints facts that weights without a `config.json` leave open
 * @throws VitrineError (file, config) for files that are missing or broken, models that are impossible or that Vitrine
 *   does not have, and weights of another model
 */
export async function readModelFolder(path: string, hints: ModelHints = {}): Promise<ModelFolder> {
  return inFolder(path, async ({ files, weightsFile, open }) =>
    files === null ? openNpz(path, open, hints) : openModel(files, weightsFile, hints),
  )
}

/** A detector from a run folder, a folder of Hugging Face, or weights of facebookresearch's DETR. */
export interface DetectorFolder extends OpenDetector {
  /** The absolute path. */
  readonly path: string
  /** The weights. Their files are open until `close`. */
  readonly weights: Weights & { close(): Promise<void> }
}

/**
 * Opens the detector at a path, as `openDetector` does. The path is a folder, its `config.json`, or a safetensors file.
 * @throws VitrineError (file, config) for files that are missing or broken, models that are no DETR, and pickles
 */
export async function readDetectorFolder(path: string, hints: DetectorHints = {}): Promise<DetectorFolder> {
  return inFolder(path, async ({ files, weightsFile }) => {
    if (files === null)
      throw fileError(path, "is neither a model folder nor the config.json or model.safetensors of one")
    return openDetector(files, weightsFile, hints)
  })
}

/**
 * The task of the model at a path, from its `config.json` or else its tensors. If neither determines it, the task is
 * `classify`.
 * @throws VitrineError (file) for an unreadable path
 */
export async function taskOfPath(path: string): Promise<TaskName> {
  const { files, weightsFile, close } = await openPath(path)
  try {
    return files === null ? "classify" : await taskOfFiles(files, weightsFile)
  } finally {
    await close()
  }
}

interface OpenPath {
  /** The files of the folder, or null for a file that belongs to no folder. */
  readonly files: ModelFiles | null
  /** The file of weights that the path names. */
  readonly weightsFile: string | undefined
  /** The absolute path of the folder, or of a file that belongs to no folder. */
  readonly path: string
  readonly open: Open
  /** Closes all files that were opened. */
  close(): Promise<void>
}

async function openPath(path: string): Promise<OpenPath> {
  const isFolder = await explaining(path, "read", async () => (await stat(path)).isDirectory())
  if (!isFolder && /\.(pth|pt|bin|ckpt|pkl)$/.test(path))
    throw fileError(
      path,
      `is a pickle of PyTorch's, which can run code and is never read; ${conversion(basename(path))}, with ['model'] before .items() for detr's`,
    )
  if (!isFolder && path.endsWith(".onnx")) throw fileError(path, onnxExport)
  const handles: Pick<OpenFile, "close">[] = []
  const open = async (file: string): Promise<ByteSource> => {
    const source = await openFile(file)
    handles.push(source)
    return source
  }
  const weightsFile = /\.safetensors(\.index\.json)?$/.test(path) && !isFolder ? basename(path) : undefined
  const belongs = isFolder || weightsFile !== undefined || basename(path) === "config.json"
  const folder = isFolder ? path : dirname(path)
  return {
    files: belongs ? filesOf(folder, open) : null,
    weightsFile,
    path: resolve(belongs ? folder : path),
    open,
    async close() {
      for (const handle of handles.splice(0)) await handle.close()
    },
  }
}

/** Opens the model at a path. Its files stay open until its weights are closed. */
async function inFolder<M extends { readonly weights: Weights }>(
  path: string,
  read: (place: OpenPath) => Promise<M>,
): Promise<M & { readonly path: string; readonly weights: Weights & { close(): Promise<void> } }> {
  const place = await openPath(path)
  const { close } = place
  try {
    const model = await read(place)
    return { ...model, path: place.path, weights: { ...model.weights, close } }
  } catch (error) {
    await close()
    throw error
  }
}

type Open = (file: string) => Promise<ByteSource>
type OpenFile = Awaited<ReturnType<typeof openFile>>

async function openNpz(path: string, open: Open, hints: ModelHints): Promise<OpenModel> {
  if ((await weightsFormat(path)) !== "npz")
    throw fileError(path, "is neither a model folder nor the config.json or model.safetensors of one, nor an .npz file")
  return openGoogleModel(await open(path), hints)
}

function filesOf(folder: string, open: Open): ModelFiles {
  const nameOf = (file: string): string => join(folder, file)
  // The `config.json` of its run describes a checkpoint.
  const run = runOfCheckpoint(folder)
  const jsonName = (file: string): string =>
    run !== undefined && file === "config.json" ? join(run, file) : nameOf(file)
  return {
    name: folder,
    nameOf,
    json: async (file) => ((await exists(jsonName(file))) ? readJson(jsonName(file)) : undefined),
    open: async (file) => ((await exists(nameOf(file))) ? open(nameOf(file)) : undefined),
  }
}

/** Whether a file exists. A broken link does not count. */
async function exists(file: string): Promise<boolean> {
  const facts = await explaining(file, "read", () =>
    stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error
    }),
  )
  return facts !== undefined
}

import { VitrineError } from "@vitrine/core"
import { type Dataset, shapes } from "@vitrine/data"
import { bestOf, type Curve, type CurveEvaluation, learningCurve } from "@vitrine/interpret"
import {
  attentionOf,
  type MemoryStore,
  memoryStore,
  type Recipe,
  type SetupEvent,
  type TrainEvent,
  type TrainOptions,
  train,
} from "vitrine/web"
import { valueIn } from "../checked.ts"
import { type Entry, unpack, zipFolder } from "./archive.ts"
import { dropLostBackend, sharedBackend } from "./backend.ts"
import type { DataKind } from "./data-kind.ts"
import { type DiskFolder, listFolders, openFolder, removeFolder } from "./disk.ts"
import { datasetsOf, type Example, filesOf, type PictureSet, picturesFrom, readExamples, readImages } from "./images.ts"
import { createSampler, type Sample, type Sampler } from "./samples.ts"

/** A run before it starts. */
export interface TrainSetup {
  readonly name: string
  /** The pictures: the built-in drawings, the last folder, or the last pictures made in the page. */
  readonly data: DataKind
  readonly recipe: Recipe
  readonly seed: number
  /** Files of a model from which the training starts. */
  readonly from?: readonly Entry[]
  /** The name of that model in timm, if its files do not tell it. */
  readonly architecture?: string
}

/** A message about a run for the page. */
export type TrainUpdate =
  | SetupEvent
  | TrainEvent
  | {
      readonly type: "samples"
      readonly step: number
      readonly samples: readonly Sample[]
      /** Whether the samples are pictures that the model does not learn from. */
      readonly heldOut: boolean
    }
  /** The run continues, but it is no longer saved on disk. */
  | { readonly type: "unsaved"; readonly why: string }
  /** The device is lost. The run continues from its last checkpoint on another device. */
  | { readonly type: "lost" }

/** A run on disk. */
export interface RunSummary {
  readonly name: string
  readonly data: string
  readonly step: number
  readonly steps: number
  /** The numbers of blocks and of dimensions: blocks × width. */
  readonly size: string
  /** The evaluation of the model that the run publishes. */
  readonly best: CurveEvaluation | null
  readonly curve: Curve
  /** Whether the pictures of the run are also on disk. */
  readonly hasData: boolean
}

/** The pictures that the worker holds in memory. */
export interface DataSummary {
  readonly name: string
  readonly classes: readonly string[]
  readonly train: number
  readonly validation: number
  /** A line for each picture that cannot be read. */
  readonly faults: readonly string[]
  /** A line for each kind of files that are not used. */
  readonly passedOver: readonly string[]
}

type Listener = (updates: readonly TrainUpdate[]) => void

export interface Training {
  readImages(
    entries: readonly Entry[],
    side: number,
    onProgress: (done: number, all: number) => void,
  ): Promise<DataSummary>
  readExamples(examples: readonly Example[], side: number): Promise<DataSummary>
  /**
   * Trains to the end, or until `pause`.
   * @throws VitrineError (training) while another run is in progress
   */
  start(setup: TrainSetup, listener: Listener): Promise<void>
  /** Continues a run from disk. */
  resume(name: string, listener: Listener): Promise<void>
  /** Ends the run after its present step, with a checkpoint. */
  pause(): void
  runs(): Promise<RunSummary[]>
  /** A run folder as a zip. */
  archive(name: string): Promise<Uint8Array<ArrayBuffer>>
  /** Stores a run folder, or a zip of one, on disk. */
  open(entries: readonly Entry[]): Promise<RunSummary>
  remove(name: string): Promise<void>
}

/** The greatest number of lost devices. With one more, the run ends. */
const mostLosses = 3

/** The number of steps between checkpoints. A closed tab loses at most as many. */
const checkpointEvery = 25

/** A run in progress. */
interface Run {
  readonly folder: DiskFolder
  readonly memory: MemoryStore
  /** The paths of the files in the folder when the run starts. */
  readonly paths: readonly string[]
  readonly data: PictureSet | "shapes"
}

type StartOptions = Pick<TrainOptions, "recipe" | "seed" | "resume" | "from" | "architecture">

export function createTraining(): Training {
  /** The reader's pictures that were read last, for each kind of data. */
  const pictures: { folder?: PictureSet; make?: PictureSet } = {}
  /** The last reading of a folder. Only its pictures count, even if an earlier reading ends later. */
  let lastReading: object | undefined
  let currentRun: AbortController | undefined
  const runOnce = async (run: Run, options: StartOptions, listener: Listener): Promise<void> => {
    if (currentRun !== undefined) throw new VitrineError("training", "another run is being trained: pause it first")
    const controller = new AbortController()
    currentRun = controller
    const { signal } = controller
    const { post, flush } = batched(listener)
    const store = mirrored(run, (why) => post({ type: "unsaved", why }))
    let sampler: Sampler | undefined
    try {
      const backend = await sharedBackend()
      const data = run.data === "shapes" ? run.data : datasetsOf(run.data)
      for await (const event of train({ ...options, data, store, backend, checkpointEvery, signal })) {
        post(event)
        const config = event.type === "setup" ? attentionOf(event.recipe.config) : null
        if (event.type === "setup" && config !== null) {
          const { interpolation, cropPct, cropMode, mean, std } = event.recipe
          const preprocessing = { size: config.imageSize, interpolation, cropPct, cropMode, mean, std }
          sampler = await createSampler(backend, config, preprocessing, samplesOf(data), 10)
        }
        if (event.type === "checkpoint" && sampler !== undefined) {
          const samples = await sampler.predict(checkpointReader(store))
          const heldOut = data === "shapes" || (data.validation ?? data.test) !== undefined
          post({ type: "samples", step: event.step, samples, heldOut })
        }
        await letMessagesIn()
      }
    } finally {
      currentRun = undefined
      flush()
      await sampler?.close().catch(() => {})
    }
  }
  /** Trains to the end. After a lost device the run continues from its last checkpoint on another device. */
  const runToEnd = async (run: Run, options: StartOptions, listener: Listener): Promise<void> => {
    for (let losses = 0; ; losses++) {
      const isResumed = losses > 0 && run.memory.resume() !== null
      try {
        await runOnce(run, isResumed ? { resume: true } : options, listener)
        return
      } catch (error) {
        if (!dropLostBackend(error) || losses === mostLosses) throw error
        listener([{ type: "lost" }])
      }
    }
  }
  return {
    async readImages(entries, side, onProgress) {
      const turn = {}
      lastReading = turn
      delete pictures.folder
      const { pictures: folder, faults, passedOver } = await readImages(entries, side, onProgress)
      if (lastReading === turn) pictures.folder = folder
      return summaryOfData(folder, faults, passedOver)
    },
    async readExamples(examples, side) {
      delete pictures.make
      pictures.make = await readExamples(examples, side)
      return summaryOfData(pictures.make, [], [])
    },
    start: ({ name, data: kind, recipe, seed, from, architecture }, listener) =>
      alone(name, async () => {
        const data = kind === "shapes" ? kind : pictures[kind]
        if (data === undefined)
          throw new VitrineError("config", "no pictures have been read: choose a folder or a zip first")
        const folder = await openFolder(name)
        if (data !== "shapes")
          for (const [path, bytes] of Object.entries(filesOf(data))) await folder.write(path, bytes)
        const model = from === undefined ? {} : { from: Object.fromEntries(await unpack(from)) }
        await runToEnd(
          { folder, paths: [], memory: memoryStore(), data },
          { recipe, seed, architecture, ...model },
          listener,
        )
      }),
    resume: (name, listener) =>
      alone(name, async () => {
        const folder = await openFolder(name)
        const files = await folder.read()
        const memory = memoryStore(files)
        const isShapes = valueIn(memory.config, "vitrine", "data") === "shapes"
        const data = isShapes ? "shapes" : (picturesFrom(files) ?? pictures.folder)
        if (data === undefined)
          throw new VitrineError("config", "the images that this run was trained on are not here: read them first")
        await runToEnd({ folder, paths: Object.keys(files), memory, data }, { resume: true }, listener)
      }),
    pause() {
      currentRun?.abort()
    },
    async runs() {
      const summaries: RunSummary[] = []
      for (const name of await listFolders()) {
        const folder = await openFolder(name)
        const [config, metrics, paths] = [
          await folder.text("config.json"),
          await folder.text("metrics.jsonl"),
          await folder.paths(),
        ]
        // A file is empty while another tab makes it.
        if (config !== "") summaries.push(summaryOfRun(name, config, metrics, paths))
      }
      return summaries
    },
    async archive(name) {
      const files = await (await openFolder(name)).read()
      return zipFolder(name, Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith("data/"))))
    },
    async open(entries) {
      const { name, files } = await runFolder(entries)
      memoryStore(files)
      const names = new Set(await listFolders())
      let free = name
      for (let i = 2; names.has(free); i++) free = `${name}-${i}`
      const folder = await openFolder(free)
      for (const [path, bytes] of Object.entries(files)) await folder.write(path, bytes)
      const text = (file: string): string => new TextDecoder().decode(files[file])
      return summaryOfRun(free, text("config.json"), text("metrics.jsonl"), Object.keys(files))
    },
    remove: (name) => alone(name, () => removeFolder(name)),
  }
}

/** How long a run waits until a tab that was closed has let it go, in milliseconds. */
const patience = 2000

/**
 * Works on a run, unless another tab of the site does.
 * @throws VitrineError (training) if another tab does
 */
async function alone(name: string, work: () => Promise<void>): Promise<void> {
  let isFree = false
  const signal = AbortSignal.timeout(patience)
  try {
    await navigator.locks.request(`run ${name}`, { signal }, async () => {
      isFree = true
      await work()
    })
  } catch (cause) {
    if (isFree || !signal.aborted) throw cause
    throw new VitrineError("training", `${name}: is being trained in another tab`, { cause })
  }
}

/** The data set of the samples: held-out pictures, if there are any. */
function samplesOf(data: "shapes" | ReturnType<typeof datasetsOf>): Dataset {
  return data === "shapes" ? shapes({ split: "val", size: 200 }) : (data.validation ?? data.test ?? data.train)
}

/** A function that reads the parameters of the newest checkpoint by their names. */
function checkpointReader(store: MemoryStore): (name: string) => Float32Array {
  const tensors = store.resume()?.tensors
  return (name) => {
    const data = tensors?.get(name)?.data
    if (!(data instanceof Float32Array))
      throw new VitrineError("training", `the checkpoint has no float32 tensor ${name}`)
    return data
  }
}

const summaryOfData = (
  { name, classes, train, val, test }: PictureSet,
  faults: readonly string[],
  passedOver: readonly string[],
): DataSummary => ({
  name,
  classes,
  train: train.labels.length,
  validation: (val ?? test)?.labels.length ?? 0,
  faults,
  passedOver,
})

/** The files of the one run among dropped files, by their paths within the run folder. */
async function runFolder(
  entries: readonly Entry[],
): Promise<{ name: string; files: Record<string, Uint8Array<ArrayBuffer>> }> {
  const blobs = await unpack(entries)
  const state = [...blobs.keys()].find((path) => /(^|\/)checkpoints\/step-\d+\/state\.json$/.test(path))
  if (state === undefined)
    throw new VitrineError("file", `none of the ${blobs.size} files is a checkpoint: they are no run folder`)
  const prefix = state.slice(0, state.indexOf("checkpoints/"))
  const files: Record<string, Uint8Array<ArrayBuffer>> = {}
  for (const [path, blob] of blobs) {
    const file = path.slice(prefix.length)
    if (path.startsWith(prefix) && /^(config\.json|model\.safetensors|metrics\.jsonl|checkpoints\/.*)$/.test(file))
      files[file] = new Uint8Array(await blob.arrayBuffer())
  }
  return { name: prefix.split("/").at(-2) ?? "run", files }
}

function summaryOfRun(name: string, config: string, metrics: string, paths: readonly string[]): RunSummary {
  const run = valueIn(JSON.parse(config), "vitrine")
  const [data, steps] = [valueIn(run, "data"), valueIn(run, "recipe", "training", "steps")]
  const [depth, dim] = [valueIn(run, "recipe", "config", "depth"), valueIn(run, "recipe", "config", "dim")]
  const checkpoints = paths.flatMap((path) => {
    const [, step] = /^checkpoints\/step-(\d+)\/state\.json$/.exec(path) ?? []
    return step === undefined ? [] : [Number(step)]
  })
  const curve = learningCurve(metrics.split("\n").flatMap(parsedLine))
  return {
    name,
    data: typeof data === "string" ? data.slice(data.lastIndexOf("/") + 1) : "",
    step: Math.max(0, ...checkpoints),
    steps: typeof steps === "number" ? steps : 0,
    size: `${depth ?? "?"} × ${dim ?? "?"}`,
    best: bestOf(curve.evaluations) ?? null,
    curve,
    hasData: data === "shapes" || paths.includes("data/about.json"),
  }
}

/** An event of `metrics.jsonl`, or nothing for an incomplete line. */
function parsedLine(line: string): object[] {
  try {
    const event: unknown = JSON.parse(line)
    return typeof event === "object" && event !== null ? [event] : []
  } catch {
    return []
  }
}

/** The checkpoint folder of a file. */
const checkpointOf = (path: string): string | undefined => /^checkpoints\/[^/]+/.exec(path)?.[0]

/**
 * Keeps a run in memory, with a copy on disk. A checkpoint's `state.json` is written last, so that a checkpoint with
 * that file is complete.
 */
function mirrored({ memory, folder, paths }: Run, onFailure: (why: string) => void): MemoryStore {
  let saved = new Set(paths.flatMap((path) => checkpointOf(path) ?? []))
  const save = async (): Promise<void> => {
    const files = memory.files()
    const checkpoints = new Set(Object.keys(files).flatMap((path) => checkpointOf(path) ?? []))
    const isNew = ([path]: readonly [string, unknown]): boolean => !saved.has(checkpointOf(path) ?? "")
    const order = ([path]: readonly [string, unknown]): number =>
      path.endsWith("state.json") ? 1 : path.startsWith("checkpoints/") ? 0 : 2
    const next = Object.entries(files).filter(isNew)
    for (const [path, bytes] of next.sort((a, b) => order(a) - order(b))) await folder.write(path, bytes)
    for (const old of saved) if (!checkpoints.has(old)) await folder.remove(old)
    saved = checkpoints
  }
  return {
    get config() {
      return memory.config
    },
    writeConfig: (config) => memory.writeConfig(config),
    appendMetrics: (event) => memory.appendMetrics(event),
    resume: () => memory.resume(),
    files: () => memory.files(),
    async saveCheckpoint(checkpoint) {
      const result = await memory.saveCheckpoint(checkpoint)
      await save().catch((error: Error) => onFailure(error.message))
      return result
    },
  }
}

/** Collects the updates of steps, so that the listener is called at most ten times a second. */
function batched(listener: Listener): { post: (update: TrainUpdate) => void; flush: () => void } {
  let waiting: TrainUpdate[] = []
  let flushed = 0
  const flush = (): void => {
    if (waiting.length > 0) listener(waiting)
    waiting = []
    flushed = performance.now()
  }
  return {
    flush,
    post(update) {
      waiting.push(update)
      if (update.type !== "step" || performance.now() - flushed > 100) flush()
    },
  }
}

/** Lets messages arrive. A step that computes in this thread would block them. */
function letMessagesIn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener("message", () => {
      port1.close()
      resolve()
    })
    port1.start()
    port2.postMessage(null)
  })
}

import { bestOf, learningCurve } from "@vitrine/interpret"
import { VitrineError } from "@vitrine/core"
import { shapes } from "@vitrine/data"
import { isBiT, type MemoryStore, memoryStore, type Recipe, type SetupEvent, type TrainEvent, train } from "vitrine/web"
import { type Entry, packed, unpack } from "./archive.ts"
import { lost, sharedBackend } from "./backend.ts"
import { type DiskFolder, listFolders, openFolder, removeFolder } from "./disk.ts"
import { dataFrom, datasetsOf, type Example, filesOf, type OwnData, readExamples, readImages } from "./images.ts"
import { createSampler, type Sample, type Sampler } from "./samples.ts"

/** What is about to be trained. */
export interface TrainSetup {
  readonly name: string
  /** The built-in drawings, or what was read last. */
  readonly data: "shapes" | "own"
  readonly recipe: Recipe
  readonly seed: number
  /** Files of a model to start from. */
  readonly from?: readonly Entry[]
}

/** What the page is told while a model trains. */
export type TrainUpdate =
  | SetupEvent
  | TrainEvent
  | { readonly type: "samples"; readonly step: number; readonly samples: readonly Sample[] }
  /** The run goes on, but not on disk. */
  | { readonly type: "unsaved"; readonly why: string }
  /** The device is gone; the run goes on from its last checkpoint, on another. */
  | { readonly type: "lost" }

export interface RunSummary {
  readonly name: string
  readonly data: string
  readonly step: number
  readonly steps: number
  readonly parameters: string
  readonly best: number | null
  readonly curve: ReturnType<typeof learningCurve>
  /** Whether the images it is trained on are here. */
  readonly hasData: boolean
}

export interface DataSummary {
  readonly name: string
  readonly classes: readonly string[]
  readonly train: number
  readonly validation: number
}

type Listener = (updates: readonly TrainUpdate[]) => void

export interface Training {
  readImages(entries: readonly Entry[], side: number, told: (done: number, all: number) => void): Promise<DataSummary>
  readExamples(examples: readonly Example[], side: number): Promise<DataSummary>
  /** Trains until the end, or until `pause`. @throws VitrineError if one is being trained already. */
  start(setup: TrainSetup, listener: Listener): Promise<void>
  /** Goes on with a run of the disk. */
  resume(name: string, listener: Listener): Promise<void>
  /** Ends the run after its step, with a checkpoint. */
  pause(): void
  runs(): Promise<RunSummary[]>
  /** The run folder as a zip. */
  archive(name: string): Promise<Uint8Array>
  /** Puts a run folder, or a zip of one, on the disk. */
  open(entries: readonly Entry[]): Promise<RunSummary>
  remove(name: string): Promise<void>
}

/** Devices that a run may lose before it is given up. */
const mostLosses = 3

/** Steps between checkpoints: what a closed tab may have to compute again. */
const checkpointEvery = 25

export function createTraining(): Training {
  let own: OwnData | undefined
  let running: AbortController | undefined
  const summary = (data: OwnData): DataSummary => ({
    name: data.name,
    classes: data.classes,
    train: data.train.labels.length,
    validation: data.val?.labels.length ?? 0,
  })
  const run = async (
    folder: DiskFolder,
    present: readonly string[],
    memory: MemoryStore,
    data: OwnData | "shapes",
    options: Pick<Parameters<typeof train>[0], "recipe" | "seed" | "resume" | "from">,
    listener: Listener,
  ): Promise<void> => {
    if (running !== undefined) throw new VitrineError("training", "another run is being trained: pause it first")
    const aborting = new AbortController()
    running = aborting
    const { post, flush } = batched(listener)
    const store = mirrored(memory, folder, present, (why) => post({ type: "unsaved", why }))
    let sampler: Sampler | undefined
    try {
      const backend = await sharedBackend()
      const sets = data === "shapes" ? ("shapes" as const) : datasetsOf(data)
      const { signal } = aborting
      for await (const event of train({ ...options, data: sets, store, backend, checkpointEvery, signal })) {
        post(event)
        if (event.type === "setup" && !isBiT(event.recipe.config)) {
          const { config, interpolation, cropPct, cropMode, mean, std } = event.recipe
          const preprocessing = { size: config.imageSize, interpolation, cropPct, cropMode, mean, std }
          const pictures = sets === "shapes" ? shapes({ split: "val", size: 200 }) : (sets.validation ?? sets.train)
          sampler = await createSampler(backend, event.recipe.config, preprocessing, pictures, 10)
        }
        if (event.type === "checkpoint" && sampler !== undefined) {
          const saved = store.resume()
          const look = (name: string): Float32Array => saved?.tensors.get(name)?.data as Float32Array
          post({ type: "samples", step: event.step, samples: await sampler.look(look) })
        }
        await breath()
      }
    } finally {
      running = undefined
      flush()
      await sampler?.close().catch(() => {})
    }
  }
  /** The same, but what a lost device breaks off goes on from the last checkpoint, on another device. */
  const runThrough: typeof run = async (folder, present, memory, data, options, listener) => {
    for (let tries = 0; ; tries++) {
      const saved = tries > 0 && memory.resume() !== null
      try {
        await run(folder, present, memory, data, saved ? { resume: true } : options, listener)
        return
      } catch (error) {
        if (!lost(error) || tries === mostLosses) throw error
        listener([{ type: "lost" }])
      }
    }
  }
  return {
    async readImages(entries, side, told) {
      own = await readImages(entries, side, told)
      return summary(own)
    },
    async readExamples(examples, side) {
      own = await readExamples(examples, side)
      return summary(own)
    },
    async start({ name, data, recipe, seed, from }, listener) {
      if (data === "own" && own === undefined) throw new VitrineError("config", "no images have been read")
      const images = data === "own" ? (own as OwnData) : "shapes"
      const folder = await openFolder(name)
      if (images !== "shapes")
        for (const [path, bytes] of Object.entries(filesOf(images))) await folder.write(path, bytes)
      const start = from === undefined ? {} : { from: Object.fromEntries(await unpack(from)) }
      await runThrough(folder, [], memoryStore(), images, { recipe, seed, ...start }, listener)
    },
    async resume(name, listener) {
      const folder = await openFolder(name)
      const files = await folder.read()
      const memory = memoryStore(files)
      const isShapes = (memory.config as { vitrine?: { data?: unknown } }).vitrine?.data === "shapes"
      const data = isShapes ? "shapes" : (dataFrom(files) ?? own)
      if (data === undefined)
        throw new VitrineError("config", "the images that this run was trained on are not here: read them first")
      await runThrough(folder, Object.keys(files), memory, data, { resume: true }, listener)
    },
    pause() {
      running?.abort()
    },
    async runs() {
      const found: RunSummary[] = []
      for (const name of await listFolders()) {
        const files = await (await openFolder(name)).read()
        if (files["config.json"] !== undefined) found.push(summaryOf(name, files))
      }
      return found
    },
    async archive(name) {
      const files = await (await openFolder(name)).read()
      return packed(name, Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith("data/"))))
    },
    async open(entries) {
      const { name, files } = await runFolder(entries)
      memoryStore(files)
      const taken = new Set(await listFolders())
      let free = name
      for (let i = 2; taken.has(free); i++) free = `${name}-${i}`
      const folder = await openFolder(free)
      for (const [path, bytes] of Object.entries(files)) await folder.write(path, bytes)
      return summaryOf(free, files)
    },
    remove: removeFolder,
  }
}

/** The files of the one run among dropped files, by their path in it. */
async function runFolder(entries: readonly Entry[]): Promise<{ name: string; files: Record<string, Uint8Array> }> {
  const blobs = await unpack(entries)
  const states = [...blobs.keys()].filter((path) => /(^|\/)checkpoints\/step-\d+\/state\.json$/.test(path))
  const [first] = states
  if (first === undefined)
    throw new VitrineError("file", `none of the ${blobs.size} files is a checkpoint: they are no run folder`)
  const prefix = first.slice(0, first.indexOf("checkpoints/"))
  const files: Record<string, Uint8Array> = {}
  for (const [path, blob] of blobs)
    if (
      path.startsWith(prefix) &&
      /^(config\.json|model\.safetensors|metrics\.jsonl|checkpoints\/.*)$/.test(path.slice(prefix.length))
    )
      files[path.slice(prefix.length)] = new Uint8Array(await blob.arrayBuffer())
  return { name: prefix.split("/").at(-2) ?? "run", files }
}

function summaryOf(name: string, files: Readonly<Record<string, Uint8Array>>): RunSummary {
  const text = (file: string): string => new TextDecoder().decode(files[file] ?? new Uint8Array())
  const config = JSON.parse(text("config.json")) as {
    vitrine?: { data?: string; recipe?: { training?: { steps?: number }; config?: { dim?: number; depth?: number } } }
  }
  const { data = "", recipe } = config.vitrine ?? {}
  const lines = text("metrics.jsonl").split("\n")
  const events = lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as { type: string }]
    } catch {
      return []
    }
  })
  const steps = Object.keys(files).flatMap((path) => {
    const [, step] = /^checkpoints\/step-(\d+)\/state\.json$/.exec(path) ?? []
    return step === undefined ? [] : [Number(step)]
  })
  const curve = learningCurve(events)
  return {
    name,
    data: data.split("/").at(-1) ?? data,
    step: Math.max(0, ...steps),
    steps: recipe?.training?.steps ?? 0,
    parameters: `${recipe?.config?.depth ?? "?"} × ${recipe?.config?.dim ?? "?"}`,
    best: bestOf(curve.evaluations)?.score ?? null,
    curve,
    hasData: data === "shapes" || files["data/about.json"] !== undefined,
  }
}

/** Keeps on disk what the store holds in memory: a checkpoint's `state.json` last, so that it is whole or not there. */
function mirrored(
  memory: MemoryStore,
  folder: DiskFolder,
  present: readonly string[],
  failed: (why: string) => void,
): MemoryStore {
  let kept = new Set(present.flatMap((path) => /^checkpoints\/[^/]+/.exec(path) ?? []))
  const save = async (): Promise<void> => {
    const files = memory.files()
    const folders = new Set(Object.keys(files).flatMap((path) => /^checkpoints\/[^/]+/.exec(path) ?? []))
    const isNew = (path: string): boolean => !kept.has(/^checkpoints\/[^/]+/.exec(path)?.[0] ?? "")
    const order = (path: string): number => (path.endsWith("state.json") ? 1 : path.startsWith("checkpoints/") ? 0 : 2)
    for (const path of Object.keys(files)
      .filter(isNew)
      .sort((a, b) => order(a) - order(b)))
      await folder.write(path, files[path] as Uint8Array)
    for (const old of kept) if (!folders.has(old)) await folder.remove(old)
    kept = folders
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
      const saved = await memory.saveCheckpoint(checkpoint)
      await save().catch((error: Error) => failed(error.message))
      return saved
    },
  }
}

/** Tells the listener at most ten times a second. */
function batched(listener: Listener): { post: (update: TrainUpdate) => void; flush: () => void } {
  let waiting: TrainUpdate[] = []
  let told = 0
  const flush = (): void => {
    if (waiting.length > 0) listener(waiting)
    waiting = []
    told = performance.now()
  }
  return {
    flush,
    post(update) {
      waiting.push(update)
      if (update.type !== "step" || performance.now() - told > 100) flush()
    },
  }
}

/** Lets messages in: a step that computes in this thread leaves no other gap. */
function breath(): Promise<void> {
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

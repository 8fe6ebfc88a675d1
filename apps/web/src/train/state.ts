import { type Signal, signal } from "@preact/signals"
import { proxy } from "comlink"
import type { Entry } from "../engine/archive.ts"
import { engine, messageOf } from "../engine/client.ts"
import type { Example } from "../engine/images.ts"
import type { Sample } from "../engine/samples.ts"
import type { DataSummary, RunSummary, TrainSetup, TrainUpdate } from "../engine/training.ts"
import { save } from "../figures/save.ts"

export type Phase = "idle" | "preparing" | "running" | "paused" | "done"

export interface Progress {
  readonly name: string
  readonly step: number
  readonly steps: number
  readonly learningRate: number
  readonly imagesPerSecond: number
  readonly eta: number
  readonly losses: readonly (readonly [step: number, loss: number])[]
  readonly accuracies: readonly (readonly [step: number, top1: number])[]
  /** How many pictures the accuracy is measured on. */
  readonly validation: number
  readonly samples: readonly Sample[]
  /** Whether the samples are pictures that the model does not learn from. */
  readonly heldOut: boolean
}

const noProgress: Progress = {
  name: "",
  step: 0,
  steps: 0,
  learningRate: 0,
  imagesPerSecond: 0,
  eta: 0,
  losses: [],
  accuracies: [],
  validation: 0,
  samples: [],
  heldOut: true,
}

export const phase: Signal<Phase> = signal("idle")
export const progress: Signal<Progress> = signal(noProgress)
/** The message of the last fault, or null after a success. */
export const fault: Signal<string | null> = signal(null)
/** Whether the run has lost a device and continues on another one. */
export const deviceLost: Signal<boolean> = signal(false)
/** The reason why the run is not saved on disk, or null if it is. */
export const unsaved: Signal<string | null> = signal(null)
export const runs: Signal<readonly RunSummary[]> = signal([])
/** The pictures that the worker has read. */
export const pictures: Signal<DataSummary | null> = signal(null)
/** The number of pictures read so far and in all, while the worker reads a folder. */
export const readProgress: Signal<readonly [done: number, all: number] | null> = signal(null)

const training = (): ReturnType<typeof engine>["training"] => engine().training

async function attempt(work: () => Promise<void>): Promise<void> {
  fault.value = null
  try {
    await work()
  } catch (error) {
    fault.value = messageOf(error)
  }
}

export function refreshRuns(): Promise<void> {
  return attempt(async () => {
    runs.value = await training().runs()
  })
}

/** The files of the last folder of pictures that the reader chose. */
let folder: readonly Entry[] = []
/** The number of folders that were read so far. */
let turns = 0

/** Reads pictures for training at a size. If another folder is still being read, its pictures are dropped. */
export function readFolder(entries: readonly Entry[], side: number): Promise<void> {
  folder = entries
  const turn = ++turns
  const onProgress = proxy((done: number, all: number) => {
    if (turn === turns) readProgress.value = [done, all]
  })
  return attempt(async () => {
    pictures.value = null
    readProgress.value = [0, entries.length]
    try {
      const next = await training().readImages(entries, side, onProgress)
      if (turn === turns) pictures.value = next
    } finally {
      if (turn === turns) readProgress.value = null
    }
  })
}

/** Reads the same files again at another size. */
export async function readFolderAgain(side: number): Promise<void> {
  if (folder.length > 0) await readFolder(folder, side)
}

/** Reads the pictures that were made in the page. */
export function readExamples(examples: readonly Example[], side: number): Promise<DataSummary> {
  return training().readExamples(examples, side)
}

/** Starts a run, and follows it to its end. */
export function begin(prepare: () => Promise<TrainSetup>): Promise<void> {
  return follow(async (listener) => {
    const setup = await prepare()
    progress.value = { ...noProgress, name: setup.name }
    await training().start(setup, listener)
  })
}

/** Continues a run from disk, and follows it to its end. */
export function resume(run: RunSummary): Promise<void> {
  const { steps, evaluations } = run.curve
  const isSaved = ({ step }: { readonly step: number }): boolean => step <= run.step
  progress.value = {
    ...noProgress,
    name: run.name,
    step: run.step,
    steps: run.steps,
    losses: steps.filter(isSaved).map(({ step, loss }) => [step, loss]),
    accuracies: evaluations.filter(isSaved).map(({ step, score }) => [step, score]),
  }
  return follow((listener) => training().resume(run.name, listener))
}

async function follow(work: (listener: (updates: readonly TrainUpdate[]) => void) => Promise<void>): Promise<void> {
  phase.value = "preparing"
  unsaved.value = null
  deviceLost.value = false
  await attempt(() =>
    work(
      proxy((updates: readonly TrainUpdate[]) => {
        progress.value = updates.reduce(apply, progress.value)
      }),
    ),
  )
  if (fault.value !== null) phase.value = progress.value.step > 0 ? "paused" : "idle"
  runs.value = await training()
    .runs()
    .catch(() => runs.value)
}

/** Computes the progress after one update. It also sets other signals of this module. */
function apply(before: Progress, update: TrainUpdate): Progress {
  switch (update.type) {
    case "setup":
      return { ...before, steps: update.recipe.training.steps, validation: update.validation }
    case "start": {
      const { step, steps } = update
      const isSaved = ([at]: readonly [number, number]): boolean => at <= step
      const [losses, accuracies] = [before.losses.filter(isSaved), before.accuracies.filter(isSaved)]
      return { ...before, step, steps, losses, accuracies }
    }
    case "step": {
      const { step, learningRate, imagesPerSecond, eta, loss } = update
      phase.value = "running"
      return { ...before, step, learningRate, imagesPerSecond, eta, losses: [...before.losses, [step, loss]] }
    }
    case "evaluation":
      return {
        ...before,
        accuracies: [...before.accuracies, [update.step, "top1" in update ? update.top1 : (update.ap ?? 0)]],
      }
    case "samples":
      return { ...before, samples: update.samples, heldOut: update.heldOut }
    case "broken":
    case "checkpoint":
      return before
    case "unsaved":
      unsaved.value = update.why
      return before
    case "lost":
      deviceLost.value = true
      return before
    case "end":
      phase.value = update.finished ? "done" : "paused"
      return before
  }
}

export async function pause(): Promise<void> {
  await training().pause()
}

export function openRun(entries: readonly Entry[]): Promise<void> {
  return attempt(async () => {
    await training().open(entries)
    runs.value = await training().runs()
  })
}

export function removeRun(name: string): Promise<void> {
  return attempt(async () => {
    await training().remove(name)
    runs.value = await training().runs()
  })
}

export function download(name: string): Promise<void> {
  return attempt(async () => {
    save(new Blob([await training().archive(name)], { type: "application/zip" }), `${name}.zip`)
  })
}

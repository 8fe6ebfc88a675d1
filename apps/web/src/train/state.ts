import { type Signal, signal } from "@preact/signals"
import { proxy } from "comlink"
import { engine, messageOf } from "../engine/client.ts"
import { save } from "../figures/save.ts"
import type { Entry } from "../engine/archive.ts"
import type { Example } from "../engine/images.ts"
import type { Sample } from "../engine/samples.ts"
import type { DataSummary, RunSummary, TrainSetup, TrainUpdate } from "../engine/training.ts"

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
  readonly samples: readonly Sample[]
}

const nothing: Progress = {
  name: "",
  step: 0,
  steps: 0,
  learningRate: 0,
  imagesPerSecond: 0,
  eta: 0,
  losses: [],
  accuracies: [],
  samples: [],
}

export const phase: Signal<Phase> = signal("idle")
export const progress: Signal<Progress> = signal(nothing)
/** What went wrong last; null if nothing did. */
export const fault: Signal<string | null> = signal(null)
/** Whether the run has lost a device, and goes on on another. */
export const deviceLost: Signal<boolean> = signal(false)
/** Why the run is not on disk; null if it is. */
export const unsaved: Signal<string | null> = signal(null)
export const runs: Signal<readonly RunSummary[]> = signal([])
export const ownData: Signal<DataSummary | null> = signal(null)
export const reading: Signal<readonly [done: number, all: number] | null> = signal(null)

const training = (): ReturnType<typeof engine>["training"] => engine().training

async function attempt(work: () => Promise<void>): Promise<void> {
  fault.value = null
  try {
    await work()
  } catch (error) {
    fault.value = messageOf(error)
  }
}

export function refresh(): Promise<void> {
  return attempt(async () => {
    runs.value = await training().runs()
  })
}

export function readFolder(entries: readonly Entry[], side: number): Promise<void> {
  return attempt(async () => {
    ownData.value = null
    reading.value = [0, entries.length]
    try {
      ownData.value = await training().readImages(
        entries,
        side,
        proxy((done: number, all: number) => {
          reading.value = [done, all]
        }),
      )
    } finally {
      reading.value = null
    }
  })
}

export async function readExamples(examples: readonly Example[], side: number): Promise<void> {
  ownData.value = await training().readExamples(examples, side)
}

export function begin(setup: () => Promise<TrainSetup>): Promise<void> {
  return follow(async (listener) => {
    const wanted = await setup()
    progress.value = { ...nothing, name: wanted.name }
    await training().start(wanted, listener)
  })
}

export function goOn(run: RunSummary): Promise<void> {
  const { steps, evaluations } = run.curve
  const before = (step: number): boolean => step <= run.step
  progress.value = {
    ...nothing,
    name: run.name,
    step: run.step,
    steps: run.steps,
    losses: steps.filter(({ step }) => before(step)).map(({ step, loss }) => [step, loss]),
    accuracies: evaluations.filter(({ step }) => before(step)).map(({ step, score }) => [step, score]),
  }
  return follow((listener) => training().resume(run.name, listener))
}

async function follow(work: (listener: (updates: readonly TrainUpdate[]) => void) => Promise<void>): Promise<void> {
  phase.value = "preparing"
  unsaved.value = null
  deviceLost.value = false
  await attempt(() => work(proxy((updates: readonly TrainUpdate[]) => take(updates))))
  if (fault.value !== null) phase.value = progress.value.step > 0 ? "paused" : "idle"
  await training()
    .runs()
    .then(
      (found) => {
        runs.value = found
        return found
      },
      () => [],
    )
}

function take(updates: readonly TrainUpdate[]): void {
  let next = progress.value
  for (const update of updates) {
    if (update.type === "setup") next = { ...next, steps: update.recipe.training.steps }
    else if (update.type === "start") {
      const { step, steps } = update
      const losses = next.losses.filter(([at]) => at <= step)
      const accuracies = next.accuracies.filter(([at]) => at <= step)
      next = { ...next, step, steps, losses, accuracies }
    } else if (update.type === "step") {
      const { step, learningRate, imagesPerSecond, eta, loss } = update
      phase.value = "running"
      next = { ...next, step, learningRate, imagesPerSecond, eta, losses: [...next.losses, [step, loss]] }
    } else if (update.type === "evaluation")
      next = { ...next, accuracies: [...next.accuracies, [update.step, update.top1]] }
    else if (update.type === "samples") next = { ...next, samples: update.samples }
    else if (update.type === "unsaved") unsaved.value = update.why
    else if (update.type === "lost") deviceLost.value = true
    else if (update.type === "end") phase.value = update.finished ? "done" : "paused"
  }
  progress.value = next
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

export function forgetRun(name: string): Promise<void> {
  return attempt(async () => {
    await training().remove(name)
    runs.value = await training().runs()
  })
}

export function download(name: string): Promise<void> {
  return attempt(async () => {
    const zip = await training().archive(name)
    save(new Blob([zip as Uint8Array<ArrayBuffer>], { type: "application/zip" }), `${name}.zip`)
  })
}

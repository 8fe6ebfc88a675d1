import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals"
import { entryOf } from "../checked.ts"
import { chosenBackend, engine, messageOf } from "../engine/client.ts"
import type { Drawing, GradientStep, GuideModel, Trace } from "../engine/guide.ts"
import type { Values } from "../engine/values.ts"
import { chosenBlock, chosenHead, markedToken } from "../figures/link.ts"
import { type View, view } from "../figures/view.ts"
import { readAddress } from "./address.ts"
import { fetchFirst } from "./first.ts"

export type Status =
  | { readonly kind: "starting" | "computing" | "ready" }
  | { readonly kind: "failed"; readonly why: string }

export const status: Signal<Status> = signal({ kind: "starting" })
export const model: Signal<GuideModel | null> = signal(null)
export const trace: Signal<Trace | null> = signal(null)
export const drawings: Signal<readonly Drawing[]> = signal([])
/** The index of the chosen drawing, or null for the reader's own picture. */
export const picked: Signal<number | null> = signal(0)
/** The number of pictures that the reader has given. */
export const dropped: Signal<number> = signal(0)
/** The losses of the reader's steps on the present picture. The first one is that before any step. */
export const losses: Signal<readonly number[]> = signal([])
export const lastStep: Signal<GradientStep | null> = signal(null)
/** The label that the reader chose for the present picture, or else the label of the first step. */
export const target: Signal<number | null> = signal(null)

/** Whether the model is there. Before that, figures have only what came with the page. */
export const isComplete: ReadonlySignal<boolean> = computed(() => model.value !== null && model.value.device !== null)

/** The data of all figures: the model, and its trace of one picture. */
export interface FigureData {
  readonly model: GuideModel
  readonly trace: Trace
  /** The number of patches down and across. */
  readonly grid: number
  /** The number of pixels down and across. */
  readonly side: number
  /** The token that all figures mark. */
  readonly token: number
  /** The chosen block and head. */
  readonly block: number
  readonly head: number
  readonly tap: (name: string) => Values
  /** A tap of the chosen block. */
  readonly inBlock: (name: string) => Values
  /** A tap of the chosen head of the chosen block. */
  readonly inHead: (name: string) => View
  readonly parameter: (name: string) => Values
}

/** The data of the figures, or null until the first picture is traced. */
export function figureData(): FigureData | null {
  if (model.value === null || trace.value === null) return null
  const { imageSize, patchSize } = model.value.config
  const { taps, parameters } = trace.value
  const [token, block, head] = [markedToken.value, chosenBlock.value, chosenHead.value]
  const tap = (name: string): Values => entryOf(taps, name)
  const inBlock = (name: string): Values => tap(`blocks.${block}.${name}`)
  return {
    model: model.value,
    trace: trace.value,
    grid: imageSize[0] / patchSize[0],
    side: imageSize[0],
    token,
    block,
    head,
    tap,
    inBlock,
    inHead: (name) => view(inBlock(name), head),
    parameter: (name) => entryOf(parameters, name),
  }
}

let round = 3

/** Runs work on the engine, and sets the status. */
async function attempt(work: () => Promise<void>): Promise<void> {
  if (status.value.kind !== "starting") status.value = { kind: "computing" }
  try {
    await work()
    status.value = { kind: "ready" }
  } catch (error) {
    status.value = { kind: "failed", why: messageOf(error) }
  }
}

const guide = (): ReturnType<typeof engine>["guide"] => engine().guide

/** Shows the drawing whose values came with the page. Fetches the model only if the reader chose what computes it. */
export function start(): Promise<void> {
  return attempt(async () => {
    const first = await fetchFirst()
    model.value = first.model
    trace.value = first.trace
    const { drawing } = readAddress(first.model.config)
    const [linkedRound, index] = drawing ?? [round, 0]
    round = linkedRound
    const { drawRound } = await import("./drawings.ts")
    drawings.value = drawRound(round)
    picked.value = index
    if (chosenBackend.peek() !== "auto" || drawing !== null) await traceDrawing(index)
  })
}

/** The round and index of the chosen drawing, or null for the reader's own picture. */
export const chosenDrawing = (): readonly [number, number] | null =>
  picked.value === null ? null : [round, picked.value]

/** Whether the reader came to a figure that needs the model, or did anything at all. */
export const isModelNeeded: Signal<boolean> = signal(false)

effect(() => {
  if (isModelNeeded.value && status.value.kind === "ready" && !isComplete.value)
    void attempt(() => traceDrawing(picked.peek() ?? 0))
})

async function traceDrawing(index: number): Promise<void> {
  const drawing = drawings.value[index]
  if (drawing !== undefined) await tracePicture(drawing)
}

async function tracePicture(picture: Drawing | Blob): Promise<void> {
  const next = await guide().trace(picture)
  const opened = isComplete.peek() ? model.peek() : await guide().model()
  batch(() => {
    model.value = opened
    show(next)
    target.value = null
  })
}

/** Shows the trace of a new picture, for which the reader has taken no steps. */
function show(next: Trace): void {
  trace.value = next
  losses.value = []
  lastStep.value = null
}

export function pick(index: number): Promise<void> {
  picked.value = index
  return attempt(() => traceDrawing(index))
}

export function drop(file: Blob): Promise<void> {
  return attempt(async () => {
    await tracePicture(file)
    batch(() => {
      picked.value = null
      dropped.value++
    })
  })
}

/** Offers new drawings, and traces the first. */
export function redraw(): Promise<void> {
  round++
  return attempt(async () => {
    const { drawRound } = await import("./drawings.ts")
    drawings.value = drawRound(round)
    picked.value = 0
    await traceDrawing(0)
  })
}

/** Takes gradient steps towards a label, and traces the picture with the new weights. */
export function takeSteps(count: number, label: number, rate: number): Promise<void> {
  target.value = label
  return attempt(async () => {
    for (let i = 0; i < count; i++) {
      const step = await guide().step(label, rate)
      lastStep.value = step
      losses.value = losses.value.length === 0 ? [step.before, step.after] : [...losses.value, step.after]
    }
    trace.value = await guide().retrace()
  })
}

/** Restores the trained weights, or draws random ones. */
export function reset(weights: "trained" | "random"): Promise<void> {
  return attempt(async () => {
    await guide().reset(weights)
    show(await guide().retrace())
  })
}

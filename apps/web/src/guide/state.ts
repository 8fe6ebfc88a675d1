import { type Signal, signal } from "@preact/signals"
import { engine, messageOf } from "../engine/client.ts"
import type { Drawing, GuideModel, StepTaken, Trace } from "../engine/guide.ts"
import type { Values } from "../engine/values.ts"
import { chosenBlock, chosenHead, markedToken } from "../figures/link.ts"
import { type View, view } from "../figures/view.ts"

export type Status =
  | { readonly kind: "starting" | "computing" | "ready" }
  | { readonly kind: "failed"; readonly why: string }

export const status: Signal<Status> = signal({ kind: "starting" })
export const model: Signal<GuideModel | null> = signal(null)
export const trace: Signal<Trace | null> = signal(null)
export const drawings: Signal<readonly Drawing[]> = signal([])
/** Which drawing is shown; null for the reader's own picture. */
export const picked: Signal<number | null> = signal(0)
/** Losses of the reader's steps on the present picture, the first one before any step. */
export const losses: Signal<readonly number[]> = signal([])
export const lastStep: Signal<StepTaken | null> = signal(null)

/** What the figures draw: the model, and what it computed for one picture. */
export interface Shown {
  readonly model: GuideModel
  readonly trace: Trace
  /** Patches down and across, and pixels of a side. */
  readonly grid: number
  readonly side: number
  /** The token that is marked, and the block and the head that are chosen. */
  readonly token: number
  readonly block: number
  readonly head: number
  readonly tap: (name: string) => Values
  /** A tap of the chosen block. */
  readonly inBlock: (name: string) => Values
  /** A tap of the chosen head of the chosen block. */
  readonly inHead: (name: string) => View
  readonly parameter: (name: string) => Values
}

export function shown(): Shown | null {
  const [found, values] = [model.value, trace.value]
  if (found === null || values === null) return null
  const { imageSize, patchSize } = found.config
  const tap = (name: string): Values => {
    const value = values.taps[name]
    if (value === undefined) throw new Error(`no tap ${name}`)
    return value
  }
  const [token, block, head] = [markedToken.value, chosenBlock.value, chosenHead.value]
  const inBlock = (name: string): Values => tap(`blocks.${block}.${name}`)
  return {
    model: found,
    trace: values,
    grid: imageSize[0] / patchSize[0],
    side: imageSize[0],
    token,
    block,
    head,
    tap,
    inBlock,
    inHead: (name) => view(inBlock(name), head),
    parameter: (name) => values.parameters[name] as Values,
  }
}

let seed = 3

/** Runs something on the engine, and tells how it went. */
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

/** Loads the model, and shows a first drawing. */
export function start(): Promise<void> {
  return attempt(async () => {
    drawings.value = await guide().drawings(seed, 10)
    model.value = await guide().model()
    await retraced(() => guide().trace(drawings.value[0] as Drawing))
  })
}

async function retraced(how: () => Promise<Trace>): Promise<void> {
  trace.value = await how()
  losses.value = []
  lastStep.value = null
}

export function pick(index: number): Promise<void> {
  picked.value = index
  return attempt(() => retraced(() => guide().trace(drawings.value[index] as Drawing)))
}

export function drop(file: Blob): Promise<void> {
  return attempt(async () => {
    await retraced(() => guide().trace(file))
    picked.value = null
  })
}

export function redraw(): Promise<void> {
  seed++
  return attempt(async () => {
    drawings.value = await guide().drawings(seed, 10)
    picked.value = 0
    await retraced(() => guide().trace(drawings.value[0] as Drawing))
  })
}

/** Takes gradient steps towards a label, and shows the picture through the new weights. */
export function takeSteps(count: number, label: number, rate: number): Promise<void> {
  return attempt(async () => {
    for (let i = 0; i < count; i++) {
      const taken = await guide().step(label, rate)
      lastStep.value = taken
      losses.value = losses.value.length === 0 ? [taken.before, taken.after] : [...losses.value, taken.after]
    }
    trace.value = await guide().retrace()
  })
}

/** The trained weights again, or new random ones. */
export function reset(weights: "trained" | "random"): Promise<void> {
  return attempt(async () => {
    await guide().reset(weights)
    await retraced(() => guide().retrace())
  })
}

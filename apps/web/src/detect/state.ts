import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals"
import type { Remote } from "comlink"
import type { Entry } from "../engine/archive.ts"
import { engine, messageOf } from "../engine/client.ts"
import type {
  Detection,
  DetectorOrigin,
  DetectorSummary,
  LayerAnswers,
  PictureDetections,
  QueryLayer,
  Scene,
} from "../engine/detection.ts"

/** A picture for the detector. A built-in scene also has its true objects. */
interface Shot {
  readonly name: string
  readonly picture: Blob | ImageData
  readonly scene: Scene | null
}

/** The answer of one query. Its corners are shares of the picture. */
export interface Answer {
  readonly query: number
  readonly label: number
  readonly score: number
  /** The probability of no object. */
  readonly nothing: number
  readonly box: readonly [x0: number, y0: number, x1: number, y1: number]
}

export const summary: Signal<DetectorSummary | null> = signal(null)
export const origin: Signal<DetectorOrigin> = signal({ kind: "builtIn" })
/** A built-in scene, followed by dropped pictures. */
export const shots: Signal<readonly Shot[]> = signal([])
export const current: Signal<number> = signal(0)
export const detections: Signal<PictureDetections | null> = signal(null)
export const threshold: Signal<number> = signal(0.5)
export const withTruth: Signal<boolean> = signal(false)
export const withIdle: Signal<boolean> = signal(false)
/** The decoder layer of the second figure, and its head. */
export const layer: Signal<number> = signal(0)
export const head: Signal<number | "mean"> = signal("mean")
export const busy: Signal<number> = signal(0)
export const fault: Signal<string | null> = signal(null)

/** The query of the last click. */
export const chosenQuery: Signal<number | null> = signal(null)
/** The query under the pointer, or the one with the focus. */
export const pointedQuery: Signal<number | null> = signal(null)

/** The answers of all queries after the last layer, best first. */
export const answers: ReadonlySignal<readonly Answer[]> = computed(() => {
  const last = detections.value?.layers.at(-1)
  if (last === undefined) return []
  return Array.from(last.scores, (_, query) => answerOf(last, query)).sort((a, b) => b.score - a.score)
})

export const markedQuery: ReadonlySignal<number | null> = computed(() => pointedQuery.value ?? chosenQuery.value)
/** The query of the second figure. */
export const examinedQuery: ReadonlySignal<number | null> = computed(
  () => markedQuery.value ?? answers.value[0]?.query ?? null,
)
export const queryLayers: Signal<{ readonly query: number; readonly layers: readonly QueryLayer[] } | null> =
  signal(null)

export function answerOf({ boxes, labels, scores, nothing }: LayerAnswers, query: number): Answer {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * query, 4 * query + 4)
  return {
    query,
    label: labels[query] ?? 0,
    score: scores[query] ?? 0,
    nothing: nothing[query] ?? 0,
    box: [x0, y0, x1, y1],
  }
}

let remote: Promise<Remote<Detection>> | undefined

function detector(): Promise<Remote<Detection>> {
  remote ??= engine().detect()
  return remote
}

async function attempt(work: (detector: Remote<Detection>) => Promise<void>): Promise<void> {
  busy.value++
  fault.value = null
  try {
    await work(await detector())
  } catch (error) {
    fault.value = messageOf(error)
  } finally {
    busy.value--
  }
}

async function detect(detector: Remote<Detection>): Promise<void> {
  const shot = shots.value[current.value]
  if (summary.value === null || shot === undefined) return
  const next = await detector.detect(shot.picture)
  if (shots.value[current.value] !== shot) return
  queryLayers.value = null
  chosenQuery.value = pointedQuery.value = null
  detections.value = next
}

effect(() => {
  const [query, picture] = [examinedQuery.value, detections.value]
  if (query !== null && picture !== null) void untracked(() => examine(query, picture))
})

/** Fetches the layers of a query. If the reader has examined another query meanwhile, the result is dropped. */
async function examine(query: number, picture: PictureDetections): Promise<void> {
  try {
    const layers = await (await detector()).queryLayers(query)
    if (examinedQuery.peek() === query && detections.peek() === picture) queryLayers.value = { query, layers }
  } catch (error) {
    fault.value = messageOf(error)
  }
}

/** The index of the first scene, if the address names none. It has many objects. */
const firstScene = 8

/** Opens the site's detector, and shows the scene that the address names. */
export function start(address: string): Promise<void> {
  const number = Number(new URLSearchParams(address).get("scene") ?? firstScene)
  return attempt(async (detector) => {
    await showScene(detector, Number.isSafeInteger(number) && number > 0 ? number : firstScene)
    await open(detector, { kind: "builtIn" })
  })
}

export function openDetector(from: DetectorOrigin): Promise<void> {
  return attempt((detector) => open(detector, from))
}

async function open(detector: Remote<Detection>, from: DetectorOrigin): Promise<void> {
  const next = await detector.open(from)
  summary.value = next
  origin.value = from
  layer.value = next.layers - 1
  head.value = "mean"
  await detect(detector)
}

/** The number of the scene on the page, from 1. */
export const sceneNumber: Signal<number> = signal(firstScene)

async function showScene(detector: Remote<Detection>, number: number): Promise<void> {
  const scene = await detector.scene(number - 1)
  sceneNumber.value = number
  shots.value = [{ name: "", picture: scene.picture, scene }, ...shots.value.slice(1)]
  current.value = 0
}

export function anotherScene(): Promise<void> {
  return attempt(async (detector) => {
    await showScene(detector, sceneNumber.value + 1)
    history.replaceState(null, "", `${location.pathname}?scene=${sceneNumber.value}`)
    await detect(detector)
  })
}

export function show(index: number): Promise<void> {
  current.value = index
  return attempt(detect)
}

export function addPictures(entries: readonly Entry[]): Promise<void> {
  return attempt(async (detector) => {
    const pictures = entries.map(([name, picture]): Shot => ({ name, picture, scene: null }))
    if (pictures.length === 0) return
    const before = { shots: shots.value, current: current.value }
    shots.value = [...shots.value, ...pictures]
    current.value = before.shots.length
    try {
      await detect(detector)
    } catch (error) {
      shots.value = before.shots
      current.value = before.current
      throw error
    }
  })
}

/** Opens a detector or pictures that were dropped anywhere in the room. */
export function addFiles(entries: readonly Entry[]): Promise<void> {
  const isModel = entries.some(([path]) => /\.(safetensors|zip|json)$/i.test(path))
  return isModel ? openDetector({ kind: "files", entries }) : addPictures(entries)
}

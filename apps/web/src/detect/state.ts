import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals"
import type { Remote } from "comlink"
import type { Entry } from "../engine/archive.ts"
import { engine, messageOf } from "../engine/client.ts"
import type { Detection, DetectorAbout, DetectorSource, Look, Scene, Sight } from "../engine/detection.ts"

/** A picture to look at; of a scene it is known what is in it. */
interface Shot {
  readonly name: string
  readonly picture: Blob | ImageData
  readonly truth: Scene | null
}

/** What a query found in the end; corners as shares of the picture. */
export interface Finding {
  readonly query: number
  readonly label: number
  readonly score: number
  /** The probability of no object. */
  readonly nothing: number
  readonly box: readonly [x0: number, y0: number, x1: number, y1: number]
}

export const about: Signal<DetectorAbout | null> = signal(null)
export const source: Signal<DetectorSource> = signal({ kind: "own" })
/** A scene, and then dropped pictures. */
export const shots: Signal<readonly Shot[]> = signal([])
export const current: Signal<number> = signal(0)
export const sight: Signal<Sight | null> = signal(null)
export const threshold: Signal<number> = signal(0.5)
export const withTruth: Signal<boolean> = signal(false)
export const withIdle: Signal<boolean> = signal(false)
/** The layer of the decoder that the second figure shows, and which heads. */
export const layer: Signal<number> = signal(0)
export const head: Signal<number | "mean"> = signal("mean")
export const busy: Signal<number> = signal(0)
export const fault: Signal<string | null> = signal(null)

/** The query that was clicked or chosen, and the one that the pointer or the focus is on. */
export const chosen: Signal<number | null> = signal(null)
export const pointed: Signal<number | null> = signal(null)

/** What all queries found after the last layer, best first. */
export const findings: ReadonlySignal<readonly Finding[]> = computed(() => {
  const last = sight.value?.layers.at(-1)
  if (last === undefined) return []
  return Array.from(last.scores, (_, query) => findingOf(last, query)).sort((a, b) => b.score - a.score)
})

export const marked: ReadonlySignal<number | null> = computed(() => pointed.value ?? chosen.value)
/** The query that the second figure is about. */
export const asked: ReadonlySignal<number | null> = computed(() => marked.value ?? findings.value[0]?.query ?? null)
export const looks: Signal<{ readonly query: number; readonly layers: readonly Look[] } | null> = signal(null)

export function findingOf({ boxes, labels, scores, nothing }: Sight["layers"][number], query: number): Finding {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * query, 4 * query + 4)
  return {
    query,
    label: labels[query] ?? 0,
    score: scores[query] ?? 0,
    nothing: nothing[query] ?? 0,
    box: [x0, y0, x1, y1],
  }
}

let detecting: Promise<Remote<Detection>> | undefined

function detection(): Promise<Remote<Detection>> {
  detecting ??= engine().detect() as Promise<Remote<Detection>>
  return detecting
}

async function attempt(work: (engine: Remote<Detection>) => Promise<void>): Promise<void> {
  busy.value++
  fault.value = null
  try {
    await work(await detection())
  } catch (error) {
    fault.value = messageOf(error)
  } finally {
    busy.value--
  }
}

async function look(detector: Remote<Detection>): Promise<void> {
  const shot = shots.value[current.value]
  if (about.value === null || shot === undefined) return
  const seen = await detector.see(shot.picture)
  if (shots.value[current.value] !== shot) return
  looks.value = null
  chosen.value = pointed.value = null
  sight.value = seen
}

// What a query looks at, of the query that is asked last.
effect(() => {
  const query = asked.value
  const seen = sight.value
  if (query === null || seen === null) return
  void untracked(() => lookAt(query, seen))
})

async function lookAt(query: number, seen: Sight): Promise<void> {
  try {
    const layers = await (await detection()).looks(query)
    if (asked.peek() === query && sight.peek() === seen) looks.value = { query, layers }
  } catch (error) {
    fault.value = messageOf(error)
  }
}

/** A full scene, where the address names none. */
const firstScene = 8

/** Opens the site's own detector on the scene that the address names. */
export function start(query: string): Promise<void> {
  const wanted = Number(new URLSearchParams(query).get("scene") ?? firstScene)
  return attempt(async (detector) => {
    await place(detector, Number.isSafeInteger(wanted) && wanted > 0 ? wanted : firstScene)
    await opened(detector, { kind: "own" })
  })
}

export function openDetector(from: DetectorSource): Promise<void> {
  return attempt((detector) => opened(detector, from))
}

async function opened(detector: Remote<Detection>, from: DetectorSource): Promise<void> {
  const found = await detector.open(from)
  about.value = found
  source.value = from
  layer.value = found.layers - 1
  head.value = "mean"
  await look(detector)
}

/** Scenes are counted from 1. */
export const scene: Signal<number> = signal(firstScene)

async function place(detector: Remote<Detection>, number: number): Promise<void> {
  const truth = await detector.scene(number - 1)
  scene.value = number
  shots.value = [{ name: "", picture: truth.picture, truth }, ...shots.value.slice(1)]
  current.value = 0
}

export function anotherScene(): Promise<void> {
  return attempt(async (detector) => {
    await place(detector, scene.value + 1)
    history.replaceState(null, "", `${location.pathname}?scene=${scene.value}`)
    await look(detector)
  })
}

export function show(index: number): Promise<void> {
  current.value = index
  return attempt(look)
}

export function addPictures(entries: readonly Entry[]): Promise<void> {
  return attempt(async (detector) => {
    const own = entries.map(([name, picture]): Shot => ({ name, picture, truth: null }))
    if (own.length === 0) return
    const before = { shots: shots.value, current: current.value }
    shots.value = [...shots.value, ...own]
    current.value = before.shots.length
    try {
      await look(detector)
    } catch (error) {
      shots.value = before.shots
      current.value = before.current
      throw error
    }
  })
}

/** What is dropped anywhere in the room: a detector, or pictures. */
export function addFiles(entries: readonly Entry[]): Promise<void> {
  const isModel = entries.some(([path]) => /\.(safetensors|zip|json)$/i.test(path))
  return isModel ? openDetector({ kind: "files", entries }) : addPictures(entries)
}

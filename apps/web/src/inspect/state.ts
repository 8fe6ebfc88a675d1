import { type Signal, signal } from "@preact/signals"
import type { Query } from "@vitrine/interpret"
import type { Entry } from "../engine/archive.ts"
import { engine, messageOf } from "../engine/client.ts"
import type {
  AttentionMaps,
  FilterPictures,
  ModelOptions,
  ModelOrigin,
  ModelSummary,
  PictureInspection,
} from "../engine/inspection.ts"
import { type Slot, slots } from "../engine/slot.ts"

/** The token whose attention the figures draw: the class token, the mean of all patches, or one patch by its index. */
export type Asker = "class" | "mean" | number

/** An open model, with the data of all its figures. */
export interface Pane {
  readonly origin: ModelOrigin
  readonly summary: ModelSummary
  readonly filters: FilterPictures | null
  readonly positions: Float32Array | null
  readonly inspection: PictureInspection | null
  readonly attention: AttentionMaps | null
  readonly features: readonly Uint8Array[]
}

/** A picture to inspect. A link can only name a built-in drawing. */
export interface Shot {
  readonly name: string
  readonly picture: Blob | ImageData
  readonly drawing: readonly [label: number, seed: number] | null
}

export const panes: Signal<Readonly<Record<Slot, Pane | null>>> = signal({ a: null, b: null })
export const shots: Signal<readonly Shot[]> = signal([])
export const current: Signal<number> = signal(0)
export const asker: Signal<Asker> = signal("class")
export const head: Signal<readonly [block: number, head: number]> = signal([0, 0])
export const place: Signal<number> = signal(0)
export const busy: Signal<number> = signal(0)
export const fault: Signal<string | null> = signal(null)
/** The last choice of each slot. It can be opened again with other options. */
export const lastChoice: Signal<Readonly<Record<Slot, ModelOrigin>>> = signal({
  a: { kind: "guide" },
  b: { kind: "guide" },
})

/** Dropped files that a link names and this browser does not keep. */
export const missing: Signal<readonly { readonly for: Slot | "picture"; readonly name: string }[]> = signal([])
/**
 * The link to this view after the reader asked for it, and the dropped files of the view that this browser does not
 * keep.
 */
export const link: Signal<{ readonly query: string; readonly loose: readonly LooseFiles[] } | null> = signal(null)
/** The size in bytes of the files that this browser keeps. */
export const keptBytes: Signal<number> = signal(0)

interface LooseFiles {
  readonly id: string
  readonly entries: readonly Entry[]
}

const keptFiles = (): ReturnType<typeof engine>["keptFiles"] => engine().keptFiles

const inspector = (): ReturnType<typeof engine>["inspection"] => engine().inspection

async function attempt(work: () => Promise<void>): Promise<void> {
  busy.value++
  fault.value = null
  try {
    await work()
  } catch (error) {
    fault.value = messageOf(error)
  } finally {
    busy.value--
  }
}

const change = (slot: Slot, part: Partial<Pane>): void => {
  const pane = panes.value[slot]
  if (pane !== null) panes.value = { ...panes.value, [slot]: { ...pane, ...part } }
}

export function openModel(slot: Slot, origin: ModelOrigin, options: ModelOptions = {}): Promise<void> {
  lastChoice.value = { ...lastChoice.value, [slot]: origin }
  return attempt(async () => {
    const summary = await inspector().open(slot, origin, options)
    missing.value = missing.value.filter((each) => each.for !== slot)
    const empty = { filters: null, positions: null, inspection: null, attention: null, features: [] }
    panes.value = { ...panes.value, [slot]: { origin, summary, ...empty } }
    if (slot === "a") {
      if (!summary.hasClassToken && asker.value === "class") asker.value = "mean"
      const [block, headOfBlock] = head.value
      head.value = [Math.min(block, summary.depth - 1), Math.min(headOfBlock, summary.heads - 1)]
    }
    change(slot, { filters: await inspector().filters(slot) })
    if (summary.hasPositions) change(slot, { positions: await inspector().positions(slot) })
    await inspectShot(slot)
    await colorFeatures(slot)
  })
}

export async function closeModel(slot: Slot): Promise<void> {
  panes.value = { ...panes.value, [slot]: null }
  await inspector().close(slot)
}

async function inspectShot(slot: Slot): Promise<void> {
  const shot = shots.value[current.value]
  if (panes.value[slot] === null || shot === undefined) return
  const inspection = await inspector().inspect(slot, shot.picture)
  change(slot, { inspection, attention: await inspector().attention(slot, queryOf(slot)) })
}

async function colorFeatures(slot: Slot): Promise<void> {
  if (panes.value[slot] === null || shots.value.length === 0) return
  const pictures = shots.value.map(({ picture }) => picture)
  change(slot, { features: await inspector().features(slot, pictures) })
}

function queryOf(slot: Slot): Query | null {
  const summary = panes.value[slot]?.summary
  if (summary === undefined) return null
  if (asker.value === "class") return summary.hasClassToken ? "class" : "mean"
  if (asker.value === "mean") return "mean"
  // A patch of the first model selects the patch at the same place in the second model.
  const [rows, columns] = panes.value.a?.summary.grid ?? summary.grid
  const [row, column] = [Math.floor(asker.value / columns), asker.value % columns]
  const scaled = (index: number, from: number, to: number): number =>
    Math.min(to - 1, Math.floor(((index + 0.5) * to) / from))
  return { row: scaled(row, rows, summary.grid[0]), column: scaled(column, columns, summary.grid[1]) }
}

export function ask(next: Asker): Promise<void> {
  asker.value = next
  return attempt(async () => {
    for (const slot of slots)
      if (panes.value[slot]?.inspection) change(slot, { attention: await inspector().attention(slot, queryOf(slot)) })
  })
}

export function show(index: number): Promise<void> {
  current.value = index
  return attempt(async () => {
    for (const slot of slots) await inspectShot(slot)
  })
}

export function addPictures(entries: readonly Entry[]): Promise<void> {
  const pictures = entries.filter(([path]) => /\.(jpe?g|png|webp|gif)$/i.test(path))
  shots.value = [...shots.value, ...pictures.map(([name, picture]): Shot => ({ name, picture, drawing: null }))]
  missing.value = missing.value.filter(
    (each) => each.for !== "picture" || pictures.every(([name]) => name !== each.name),
  )
  return attempt(async () => {
    current.value = Math.max(0, shots.value.length - pictures.length)
    for (const slot of slots) {
      await inspectShot(slot)
      await colorFeatures(slot)
    }
  })
}

/**
 * Makes a link to this view. It names models and runs of this device, drawings by their seeds, dropped files by their
 * hashes and names, the head, and the token that attends.
 */
export function makeLink(): Promise<void> {
  return attempt(async () => {
    const query = new URLSearchParams()
    const loose: LooseFiles[] = []
    const fileName = async (entries: readonly Entry[], name: string): Promise<string> => {
      const id = await keptFiles().idOf(entries)
      if (!(await keptFiles().has(id))) loose.push({ id, entries })
      return `file:${id}:${name}`
    }
    for (const slot of slots) {
      const { origin, summary } = panes.value[slot] ?? {}
      if (origin?.kind === "guide") query.set(slot, "guide")
      if (origin?.kind === "run") query.set(slot, `run:${origin.name}`)
      if (origin?.kind === "files") query.set(slot, await fileName(origin.entries, summary?.name ?? ""))
    }
    const shot = shots.value[current.value]
    const firstDrawing = shots.value.find(({ drawing }) => drawing !== null)?.drawing
    query.set("drawing", (shot?.drawing ?? firstDrawing ?? []).join("."))
    for (const each of shots.value)
      if (each.picture instanceof Blob) {
        query.append("picture", await fileName([[each.name, each.picture]], each.name))
        if (each === shot) query.set("show", String(query.getAll("picture").length))
      }
    query.set("head", head.value.map((i) => i + 1).join("."))
    query.set("asks", String(asker.value))
    query.set("place", String(place.value + 1))
    link.value = { query: query.toString(), loose }
  })
}

/** Keeps the dropped files of the view in this browser. */
export function keepFiles(): Promise<void> {
  return attempt(async () => {
    for (const { id, entries } of link.value?.loose ?? []) await keptFiles().keep(id, entries)
    if (link.value !== null) link.value = { ...link.value, loose: [] }
    await countKeptBytes()
  })
}

async function countKeptBytes(): Promise<void> {
  keptBytes.value = await keptFiles()
    .size()
    .catch(() => 0)
}

export function forgetFiles(): Promise<void> {
  return attempt(async () => {
    await keptFiles().forget()
    link.value = null
    await countKeptBytes()
  })
}

/** Finds the files that a link names. Files that this browser does not keep are added to `missing`. */
async function findFiles(text: string, purpose: Slot | "picture"): Promise<Entry[] | null> {
  const [, id = "", name = ""] = /^file:([^:]*):(.*)$/.exec(text) ?? []
  const entries = await keptFiles().find(id)
  if (entries === null) missing.value = [...missing.value, { for: purpose, name }]
  return entries
}

/** Parses two whole numbers of a link, such as `5.60`. */
function pairOf(text: string | null): readonly [number, number] | null {
  const [a, b] = (text ?? "").split(".").map(Number)
  return Number.isInteger(a) && Number.isInteger(b) && a !== undefined && b !== undefined ? [a, b] : null
}

async function originOf(text: string | null, slot: Slot): Promise<ModelOrigin | null> {
  if (text?.startsWith("run:")) return { kind: "run", name: text.slice(4) }
  if (!text?.startsWith("file:")) return text === "guide" || slot === "a" ? { kind: "guide" } : null
  const entries = await findFiles(text, slot)
  return entries && { kind: "files", entries }
}

/** Opens the view of a link, or else the guide's model with some drawings. */
export function restore(address: string): Promise<void> {
  const query = new URLSearchParams(address)
  const askerText = query.get("asks")
  if (askerText === "class" || askerText === "mean") asker.value = askerText
  else if (askerText !== null && /^\d+$/.test(askerText)) asker.value = Number(askerText)
  const [block, headOfBlock] = pairOf(query.get("head")) ?? [1, 1]
  head.value = [Math.max(0, block - 1), Math.max(0, headOfBlock - 1)]
  place.value = Math.max(0, Number(query.get("place") ?? 1) - 1 || 0)
  return attempt(async () => {
    const drawings = [
      pairOf(query.get("drawing")) ?? ([8, 41] as const),
      ...[5, 6, 0, 9].map((label, i) => [label, 60 + i] as const),
    ]
    const restored: Shot[] = []
    for (const [label, seed] of drawings) {
      const picture = await inspector().drawing(Math.min(9, Math.max(0, label)), seed)
      restored.push({ name: `${label}`, picture, drawing: [label, seed] })
    }
    let index = 0
    for (const [i, text] of query.getAll("picture").entries())
      for (const [name, picture] of (await findFiles(text, "picture")) ?? []) {
        restored.push({ name, picture, drawing: null })
        if (query.get("show") === String(i + 1)) index = restored.length - 1
      }
    shots.value = restored
    current.value = index
    for (const slot of slots) {
      const origin = await originOf(query.get(slot), slot)
      if (origin !== null) await openModel(slot, origin)
    }
    await countKeptBytes()
  })
}

import { type Signal, signal } from "@preact/signals"
import { engine, messageOf } from "../engine/client.ts"
import type { Entry } from "../engine/archive.ts"
import type { Filters, Inspected, Looks, OpenOptions, Seen, Slot, Source } from "../engine/inspection.ts"

export type Asker = "class" | "mean" | number

export interface Pane {
  readonly source: Source
  readonly about: Inspected
  readonly filters: Filters | null
  readonly positions: Float32Array | null
  readonly seen: Seen | null
  readonly looks: Looks | null
  readonly features: readonly Uint8Array[]
}

/** A picture to look at, and where it comes from if a link can say so. */
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
/** What was tried last, so that it can be tried again with options. */
export const tried: Signal<Readonly<Record<Slot, Source>>> = signal({ a: { kind: "guide" }, b: { kind: "guide" } })

/** Dropped files that a link asks for and that are not kept here. */
export const missing: Signal<readonly { readonly for: Slot | "picture"; readonly name: string }[]> = signal([])
/** The address of this view, once it was asked for; and what of it is not kept here. */
export const link: Signal<{ readonly query: string; readonly loose: readonly Loose[] } | null> = signal(null)
/** Bytes of the files that are kept in this browser. */
export const keptBytes: Signal<number> = signal(0)

interface Loose {
  readonly id: string
  readonly entries: readonly Entry[]
}

const kept = (): ReturnType<typeof engine>["kept"] => engine().kept

const inspection = (): ReturnType<typeof engine>["inspection"] => engine().inspection

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

export function openModel(slot: Slot, source: Source, options: OpenOptions = {}): Promise<void> {
  tried.value = { ...tried.value, [slot]: source }
  return attempt(async () => {
    const about = await inspection().open(slot, source, options)
    missing.value = missing.value.filter((each) => each.for !== slot)
    panes.value = {
      ...panes.value,
      [slot]: { source, about, filters: null, positions: null, seen: null, looks: null, features: [] },
    }
    if (slot === "a") {
      if (!about.hasClassToken && asker.value === "class") asker.value = "mean"
      const [block, own] = head.value
      head.value = [Math.min(block, about.depth - 1), Math.min(own, about.heads - 1)]
    }
    change(slot, { filters: await inspection().filters(slot) })
    if (about.hasPositions) change(slot, { positions: await inspection().positions(slot) })
    await look(slot)
    await color(slot)
  })
}

export async function closeModel(slot: Slot): Promise<void> {
  panes.value = { ...panes.value, [slot]: null }
  await inspection().close(slot)
}

async function look(slot: Slot): Promise<void> {
  const shot = shots.value[current.value]
  if (panes.value[slot] === null || shot === undefined) return
  const seen = await inspection().see(slot, shot.picture)
  change(slot, { seen, looks: await inspection().looks(slot, queryOf(slot)) })
}

async function color(slot: Slot): Promise<void> {
  if (panes.value[slot] === null || shots.value.length === 0) return
  const pictures = shots.value.map(({ picture }) => picture)
  change(slot, { features: await inspection().features(slot, pictures) })
}

function queryOf(slot: Slot): "class" | "mean" | { row: number; column: number } | null {
  const about = panes.value[slot]?.about
  const asked = asker.value
  if (about === undefined) return null
  if (asked === "class") return about.hasClassToken ? "class" : "mean"
  if (asked === "mean") return "mean"
  // A patch of the first model is the patch of the second that lies in the same place.
  const [rows, columns] = panes.value.a?.about.grid ?? about.grid
  const [row, column] = [Math.floor(asked / columns), asked % columns]
  return {
    row: Math.min(about.grid[0] - 1, Math.floor(((row + 0.5) * about.grid[0]) / rows)),
    column: Math.min(about.grid[1] - 1, Math.floor(((column + 0.5) * about.grid[1]) / columns)),
  }
}

const slots = ["a", "b"] as const

export function ask(next: Asker): Promise<void> {
  asker.value = next
  return attempt(async () => {
    for (const slot of slots)
      if (panes.value[slot]?.seen) change(slot, { looks: await inspection().looks(slot, queryOf(slot)) })
  })
}

export function show(index: number): Promise<void> {
  current.value = index
  return attempt(async () => {
    for (const slot of slots) await look(slot)
  })
}

export function addPictures(entries: readonly Entry[]): Promise<void> {
  const own = entries.filter(([path]) => /\.(jpe?g|png|webp|gif)$/i.test(path))
  shots.value = [...shots.value, ...own.map(([name, picture]): Shot => ({ name, picture, drawing: null }))]
  missing.value = missing.value.filter((each) => each.for !== "picture" || own.every(([name]) => name !== each.name))
  return attempt(async () => {
    current.value = Math.max(0, shots.value.length - own.length)
    for (const slot of slots) {
      await look(slot)
      await color(slot)
    }
  })
}

/**
 * Makes the address of the view: models and runs of this device by name, drawings by their seed, dropped files by their
 * hash and name, a head, who looks.
 */
export function makeLink(): Promise<void> {
  return attempt(async () => {
    const found = new URLSearchParams()
    const loose: Loose[] = []
    const named = async (entries: readonly Entry[], name: string): Promise<string> => {
      const id = await kept().idOf(entries)
      if (!(await kept().has(id))) loose.push({ id, entries })
      return `file:${id}:${name}`
    }
    for (const slot of slots) {
      const { source, about } = panes.value[slot] ?? {}
      if (source?.kind === "guide") found.set(slot, "guide")
      if (source?.kind === "run") found.set(slot, `run:${source.name}`)
      if (source?.kind === "files") found.set(slot, await named(source.entries, about?.name ?? ""))
    }
    const drawn = shots.value.filter(({ drawing }) => drawing !== null)
    const shown = shots.value[current.value]
    found.set("drawing", ((shown ?? drawn[0])?.drawing ?? drawn[0]?.drawing ?? []).join("."))
    for (const shot of shots.value)
      if (shot.picture instanceof Blob) {
        found.append("picture", await named([[shot.name, shot.picture]], shot.name))
        if (shot === shown) found.set("show", String(found.getAll("picture").length))
      }
    found.set("head", head.value.map((i) => i + 1).join("."))
    found.set("asks", String(asker.value))
    found.set("place", String(place.value + 1))
    link.value = { query: found.toString(), loose }
  })
}

/** Keeps the dropped files of the view in this browser. */
export function keepFiles(): Promise<void> {
  return attempt(async () => {
    for (const { id, entries } of link.value?.loose ?? []) await kept().keep(id, entries)
    if (link.value !== null) link.value = { ...link.value, loose: [] }
    await countKept()
  })
}

export async function countKept(): Promise<void> {
  keptBytes.value = await kept()
    .size()
    .catch(() => 0)
}

export function forgetFiles(): Promise<void> {
  return attempt(async () => {
    await kept().forget()
    link.value = null
    await countKept()
  })
}

/** Dropped files by what a link calls them; those that are not here are noted as missing. */
async function keptFiles(text: string, purpose: Slot | "picture"): Promise<Entry[] | null> {
  const [, id = "", name = ""] = /^file:([^:]*):(.*)$/.exec(text) ?? []
  const entries = await kept().find(id)
  if (entries === null) missing.value = [...missing.value, { for: purpose, name }]
  return entries
}

/** Opens what the address says, or the guide's model with some drawings. */
export function restore(query: string): Promise<void> {
  const asked = new URLSearchParams(query)
  const pair = (name: string): [number, number] | null => {
    const [a, b] = (asked.get(name) ?? "").split(".").map(Number)
    return Number.isInteger(a) && Number.isInteger(b) ? [a as number, b as number] : null
  }
  const from = async (slot: Slot): Promise<Source | null> => {
    const text = asked.get(slot)
    if (text?.startsWith("run:")) return { kind: "run", name: text.slice(4) }
    if (!text?.startsWith("file:")) return text === "guide" || slot === "a" ? { kind: "guide" } : null
    const entries = await keptFiles(text, slot)
    return entries && { kind: "files", entries }
  }
  const wanted = asked.get("asks")
  if (wanted === "class" || wanted === "mean") asker.value = wanted
  else if (wanted !== null && /^\d+$/.test(wanted)) asker.value = Number(wanted)
  const [block, own] = pair("head") ?? [1, 1]
  head.value = [Math.max(0, block - 1), Math.max(0, own - 1)]
  place.value = Math.max(0, Number(asked.get("place") ?? 1) - 1 || 0)
  return attempt(async () => {
    const [label, seed] = pair("drawing") ?? [8, 41]
    const drawings = [[label, seed] as const, ...[5, 6, 0, 9].map((other, i) => [other, 60 + i] as const)]
    const made: Shot[] = []
    for (const [shape, grain] of drawings)
      made.push({
        name: `${shape}`,
        picture: await inspection().drawing(Math.min(9, Math.max(0, shape)), grain),
        drawing: [shape, grain],
      })
    let at = 0
    for (const [i, text] of asked.getAll("picture").entries())
      for (const [name, picture] of (await keptFiles(text, "picture")) ?? []) {
        made.push({ name, picture, drawing: null })
        if (asked.get("show") === String(i + 1)) at = made.length - 1
      }
    shots.value = made
    current.value = at
    for (const slot of slots) {
      const source = await from(slot)
      if (source !== null) await openModel(slot, source)
    }
    await countKept()
  })
}

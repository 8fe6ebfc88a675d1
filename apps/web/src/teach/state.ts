import { type Signal, signal } from "@preact/signals"
import { isImagePath } from "@vitrine/data"
import { type Remote, transfer } from "comlink"
import type { Entry } from "../engine/archive.ts"
import { engine, messageOf } from "../engine/client.ts"
import type { BackboneSummary, Guess, Lesson, Teaching } from "../engine/teaching.ts"
import { freeName } from "../free-name.ts"
import { strings } from "../strings/index.ts"

export interface Picture {
  readonly id: string
  /** Frames that one press of the camera's button took have the same number. */
  readonly press: number
  readonly thumb: ImageData
}

export interface TeachClass {
  readonly key: number
  readonly name: string
  readonly pictures: readonly Picture[]
}

/** A picture that the reader tried, and the guess. */
export interface Trial {
  /** A small copy, or null for the camera. */
  readonly picture: ImageData | null
  readonly guesses: readonly Guess[]
  /** The class of the picture, if its folder has the name of one. */
  readonly truth: string | null
}

export const classes: Signal<readonly TeachClass[]> = signal([])
/** Earlier states of the classes, the last one at the end. */
export const past: Signal<readonly (readonly TeachClass[])[]> = signal([])
export const backbone: Signal<BackboneSummary | null> = signal(null)
export const lesson: Signal<Lesson | null> = signal(null)
export const trial: Signal<Trial | null> = signal(null)
/** The number of pictures read so far and in all, while some are being read. */
export const reading: Signal<readonly [done: number, all: number] | null> = signal(null)
/** The messages of pictures that cannot be read. */
export const unreadable: Signal<readonly string[]> = signal([])
export const fault: Signal<string | null> = signal(null)

let remote: Promise<Remote<Teaching>> | undefined

export function teaching(): Promise<Remote<Teaching>> {
  remote ??= engine().teach()
  return remote
}

/** Runs `work`, and shows its fault. */
export async function attempt(work: (teaching: Remote<Teaching>) => Promise<void>): Promise<void> {
  fault.value = null
  try {
    await work(await teaching())
  } catch (error) {
    fault.value = messageOf(error)
  }
}

/** Makes two empty classes, and reads the facts of the site's backbone. */
export async function begin(): Promise<void> {
  if (classes.value.length === 0) classes.value = [newClass(), newClass()]
  if (backbone.value !== null) return
  await attempt(async (remote) => {
    backbone.value = await remote.about()
  })
}

/** Opens a model of the reader, whose features are then taken. */
export async function openBackbone(entries: readonly Entry[]): Promise<void> {
  await attempt(async (remote) => {
    backbone.value = await remote.open(entries)
  })
  await learn()
}

let lastKey = 0
let lastPress = 0

function newClass(name?: string): TeachClass {
  lastKey++
  const wish = name ?? strings.peek().teach.classNumber(lastKey)
  return { key: lastKey, name: freeName(wish, isNameOf(classes.value)), pictures: [] }
}

const isNameOf =
  (classes: readonly TeachClass[]) =>
  (text: string): boolean =>
    classes.some(({ name }) => name === text)

/** A number for a new press of the camera's button. */
export function nextPress(): number {
  lastPress++
  return lastPress
}

function remember(): void {
  past.value = [...past.value.slice(-49), classes.value]
}

function change(next: readonly TeachClass[]): void {
  remember()
  classes.value = next
  void learn()
}

function changeClass(key: number, make: (before: TeachClass) => TeachClass): void {
  change(classes.value.map((each) => (each.key === key ? make(each) : each)))
}

export function undo(): void {
  const last = past.value.at(-1)
  if (last === undefined) return
  past.value = past.value.slice(0, -1)
  classes.value = last
  void learn()
}

export function addClass(): void {
  change([...classes.value, newClass()])
}

export function removeClass(key: number): void {
  change(classes.value.filter((each) => each.key !== key))
}

/** Names a class. A name that another class has gets a number. */
export function rename(key: number, wish: string): void {
  const text = wish.trim()
  if (text === "") return
  const name = freeName(text, isNameOf(classes.value.filter((each) => each.key !== key)))
  changeClass(key, (before) => ({ ...before, name }))
}

export function removePicture(key: number, id: string): void {
  changeClass(key, (before) => ({ ...before, pictures: before.pictures.filter((picture) => picture.id !== id) }))
}

/** Reads pictures for a class. Those that cannot be read are left out. */
export async function addFiles(key: number, files: readonly Blob[]): Promise<void> {
  await addPictures(files.map((picture) => ({ key, picture, press: nextPress() })))
}

/** Adds a frame of the camera. */
export function addFrame(key: number, press: number, picture: ImageData): Promise<void> {
  return addPictures([{ key, picture, press }])
}

/** Makes a class of each folder. A class that has the folder's name gets its pictures. */
export async function addFolders(entries: readonly Entry[]): Promise<void> {
  const images = entries.filter(([path]) => isImagePath(path))
  const folderOf = (path: string): string => path.split("/").at(-2) ?? ""
  const folders = [...new Set(images.map(([path]) => folderOf(path)))].filter((name) => name !== "").sort()
  if (folders.length === 0) {
    fault.value = strings.peek().teach.noFolders
    return
  }
  const present = new Set(classes.value.map(({ name }) => name))
  const kept = classes.value.filter(({ name, pictures }) => pictures.length > 0 || folders.includes(name))
  const added = folders.filter((name) => !present.has(name)).map((name) => newClass(name))
  if (added.length > 0) change([...kept, ...added])
  const keys = new Map(classes.value.map(({ name, key }) => [name, key]))
  await addPictures(
    images.flatMap(([path, picture]) => {
      const key = keys.get(folderOf(path))
      return key === undefined ? [] : [{ key, picture, press: nextPress() }]
    }),
  )
}

interface NewPicture {
  readonly key: number
  readonly picture: Blob | ImageData
  readonly press: number
}

let lastId = 0
let waiting: NewPicture[] = []
let isReading = false

/** Pictures come one after the other, so that those that are taken meanwhile wait. */
async function addPictures(pictures: readonly NewPicture[]): Promise<void> {
  if (waiting.length === 0 && !isReading) unreadable.value = []
  waiting.push(...pictures)
  if (isReading) return
  isReading = true
  try {
    await attempt(readWaiting)
  } finally {
    isReading = false
    waiting = []
    reading.value = null
  }
}

async function readWaiting(remote: Remote<Teaching>): Promise<void> {
  let isChanged = false
  for (let done = 0; done < waiting.length; done++) {
    const next = waiting[done]
    if (next === undefined) break
    if (waiting.length > 1) reading.value = [done, waiting.length]
    lastId++
    const id = String(lastId)
    const { key, picture, press } = next
    try {
      const thumb = await remote.add(id, picture)
      if (!isChanged) remember()
      isChanged = true
      classes.value = classes.value.map((each) =>
        each.key === key ? { ...each, pictures: [...each.pictures, { id, press, thumb }] } : each,
      )
    } catch (error) {
      unreadable.value = [...unreadable.value, messageOf(error)]
    }
  }
  void learn()
}

let isLearning = false
/** Whether the classes changed since the last fit began. */
const isStale = signal(false)

/** Fits the head, then computes features of mirror images while nothing changes, and fits it again. */
async function learn(): Promise<void> {
  isStale.value = true
  if (isLearning) return
  // Without pictures there is no need of the model.
  if (classes.value.every(({ pictures }) => pictures.length === 0)) {
    lesson.value = null
    return
  }
  isLearning = true
  try {
    while (isStale.value) {
      isStale.value = false
      await attempt(async (remote) => {
        await fit(remote)
        let left = 1
        let count = 0
        while (!isStale.value && left > 0) {
          const ids = classes.value.flatMap(({ pictures }) => pictures.map(({ id }) => id))
          left = await remote.mirror(ids)
          count++
        }
        if (!isStale.value && count > 1) await fit(remote)
      })
    }
  } finally {
    isLearning = false
  }
}

async function fit(remote: Remote<Teaching>): Promise<void> {
  lesson.value = await remote.fit(taughtClasses())
}

/** The classes as the worker knows them, without copies of the pictures. */
export function taughtClasses(): { name: string; pictures: { id: string; press: number }[] }[] {
  return classes.value.map(({ name, pictures }) => ({
    name,
    pictures: pictures.map(({ id, press }) => ({ id, press })),
  }))
}

/** Guesses the class of a picture. */
export async function tryPicture(picture: Blob | ImageData, folder: string | null): Promise<void> {
  if (lesson.value === null) return
  await attempt(async (remote) => {
    const guesses = await remote.guess(picture)
    const names = new Set(lesson.value?.classes)
    trial.value = {
      picture: await thumbOf(picture),
      guesses,
      truth: folder !== null && names.has(folder) ? folder : null,
    }
  })
}

/** Guesses the class of a frame of the camera. */
export async function tryFrame(frame: ImageData): Promise<void> {
  const remote = await teaching()
  const guesses = await remote.guess(transfer(frame, [frame.data.buffer]))
  trial.value = { picture: null, guesses, truth: null }
}

const trialSide = 160

async function thumbOf(picture: Blob | ImageData): Promise<ImageData> {
  const bitmap = await createImageBitmap(picture)
  const scale = trialSide / Math.max(bitmap.width, bitmap.height)
  const [width, height] = [
    Math.max(1, Math.round(scale * bitmap.width)),
    Math.max(1, Math.round(scale * bitmap.height)),
  ]
  const context = new OffscreenCanvas(width, height).getContext("2d")
  context?.drawImage(bitmap, 0, 0, width, height)
  return context?.getImageData(0, 0, width, height) ?? new ImageData(1, 1)
}

import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { shapes } from "@vitrine/data"
import sharp from "sharp"
import type { SetupEvent, TrainEvent } from "../src/node.ts"

export const classes = ["circle", "cross", "square"] as const

/** Sixty small drawings as files, a folder for each class. */
export async function writePictures(folder: string): Promise<void> {
  const drawings = shapes({ split: "train", size: 60 })
  for (let i = 0; i < drawings.length; i++) {
    const place = join(folder, classes[i % 3] as string)
    await mkdir(place, { recursive: true })
    const { data: pixels, ...raw } = await drawings.read(i)
    await sharp(pixels, { raw })
      .png()
      .toFile(join(place, `${i}.png`))
  }
}

export type Event = SetupEvent | TrainEvent

export async function collect(events: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = []
  for await (const event of events) all.push(event)
  return all
}

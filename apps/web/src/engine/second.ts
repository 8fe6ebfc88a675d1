import { type ImageInput, load, topPredictions } from "vitrine/web"
import { entryOf, valueIn } from "../checked.ts"
import { guideBackend, sharedBackend } from "./backend.ts"
import { publishedFile, publishedModel } from "./model-files.ts"
import { type Calibration, isUnknown } from "./unknown.ts"
import { floats } from "./values.ts"

/** What the model of photographs says of a picture. */
export interface SecondAnswer {
  /** Its classes, most probable first, or null where it says that the picture is none of them. */
  readonly guesses: readonly { readonly label: string; readonly probability: number }[] | null
  readonly classes: readonly string[]
  /** The size at which it sees the picture, in pixels. */
  readonly side: number
}

/** Models of larger pictures would take many seconds without an engine. */
const mostSide = 64

/** Opens the model of photographs. It returns null for every picture if the model has no classes. */
export async function openSecond(folder: string): Promise<(picture: ImageInput) => Promise<SecondAnswer | null>> {
  const [files, file] = await Promise.all([publishedModel(folder), publishedFile(folder, "about.json")])
  const about: unknown = JSON.parse(await file.text())
  const backend = await (Number(valueIn(about, "side")) > mostSide ? sharedBackend() : guideBackend())
  const model = await load(Object.fromEntries(files), { backend })
  const calibration = calibrationOf(about)
  return async (picture) => {
    const { labels, config } = model
    if (config.classes === 0) return null
    const answer = { classes: labels, side: Math.max(...config.imageSize) }
    const values = await model.inspect(picture, ["logits", ...(calibration?.unknown.taps ?? [])])
    if (calibration !== null && isUnknown(calibration.unknown, taps(values))) return { ...answer, guesses: null }
    const temperature = calibration?.temperature ?? 1
    const logits = floats(entryOf(values, "logits").data).map((x) => x / temperature)
    return { ...answer, guesses: topPredictions(logits, labels, 3) }
  }
}

const taps = (values: Awaited<ReturnType<Awaited<ReturnType<typeof load>>["inspect"]>>) =>
  Object.fromEntries(Object.entries(values).map(([name, { data, shape }]) => [name, { data: floats(data), shape }]))

/** The calibration in a model's `about.json`, or null for a model that has none. */
function calibrationOf(about: unknown): Calibration | null {
  const unknown = valueIn(about, "unknown")
  if (unknown === undefined) return null
  const list = (field: string): unknown[] => {
    const value = valueIn(unknown, field)
    return Array.isArray(value) ? value : []
  }
  return {
    temperature: Number(valueIn(about, "temperature")),
    unknown: {
      taps: list("taps").map(String),
      weight: list("weight").map(Number),
      threshold: Number(valueIn(unknown, "threshold")),
    },
  }
}

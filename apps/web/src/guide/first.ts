import { type Encoded, fetchFirstFile } from "../engine/first-file.ts"
import type { GuideModel, Trace } from "../engine/guide.ts"
import type { Values } from "../engine/values.ts"

/** The first drawing with some values of the model, which come with the page: they are there before code and weights are. */
export async function fetchFirst(): Promise<{ readonly model: GuideModel; readonly trace: Trace }> {
  const { config, labels, mean, std, label, pixels, taps, parameters } = await fetchFirstFile()
  return {
    model: { config, labels, mean, std, device: null },
    trace: { pixels: bytes(pixels), label, taps: decoded(taps), parameters: decoded(parameters), steps: 0 },
  }
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))

function decoded(values: Readonly<Record<string, Encoded>>): Record<string, Values> {
  const entries = Object.entries(values)
  return Object.fromEntries(
    entries.map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(bytes(data).buffer) }]),
  )
}

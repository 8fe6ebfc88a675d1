import type { ViTConfig } from "@vitrine/core"
import type { GuideModel, Trace } from "../engine/guide.ts"
import type { Values } from "../engine/values.ts"
import address from "./first.json?url"

/** Values in a file: float32 numbers in base64. */
interface Encoded {
  readonly shape: readonly number[]
  readonly data: string
}

/** `first.json`, which `scripts/first.mjs` writes and the build makes a part of the site. */
interface FirstFile {
  readonly config: ViTConfig
  readonly labels: readonly string[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly label: number
  /** RGB bytes in base64. */
  readonly pixels: string
  readonly taps: Readonly<Record<string, Encoded>>
  readonly parameters: Readonly<Record<string, Encoded>>
}

/** The first drawing with some values of the model, which come with the page: they are there before code and weights are. */
export async function fetchFirst(): Promise<{ readonly model: GuideModel; readonly trace: Trace }> {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`${response.status}`)
  const { config, labels, mean, std, label, pixels, taps, parameters }: FirstFile = await response.json()
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

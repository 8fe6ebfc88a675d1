import type { ViTConfig } from "@vitrine/core"
import address from "../guide/first.json?url"

/** Values in a file: float32 numbers in base64. */
export interface Encoded {
  readonly shape: readonly number[]
  readonly data: string
}

/** `first.json`, which `scripts/first.mjs` writes from the guide's model. */
export interface FirstFile {
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

/**
 * Reads `first.json`. It comes with the page, so that the worker learns the model's configuration from it too, without the
 * code that reads timm's.
 */
export async function fetchFirstFile(): Promise<FirstFile> {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`the first picture cannot be fetched (status ${response.status})`)
  return response.json()
}

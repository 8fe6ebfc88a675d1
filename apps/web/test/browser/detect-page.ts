import { fileURLToPath } from "node:url"
import { referenceBackend } from "@vitrine/backend-reference"
import { type DetectionDataset, type QueryDetections, scenes } from "@vitrine/detection"
import type { Page } from "playwright"
import { type Detector, type ImageInput, loadDetector } from "vitrine"
import { expect } from "vitest"

/** The site's own detector, in float64. */
export const openReferenceDetector = (): Promise<Detector<ImageInput>> =>
  loadDetector(fileURLToPath(new URL("../../public/detector", import.meta.url)), { backend: referenceBackend() })

/** The scenes of the room, from 0. */
export const drawn: DetectionDataset = scenes({ split: "test", size: 100 })

/** Until a picture has been seen. */
export async function settled(page: Page): Promise<void> {
  await page.locator('[data-busy="false"]').waitFor({ state: "attached", timeout: 60_000 })
  await page.locator("#asked .overlay").waitFor()
}

/** Of the table of what was found. */
export interface Row {
  readonly label: string
  /** Percent. */
  readonly score: number
  readonly box: readonly number[]
  readonly query: number
}

export const rows = (page: Page): Promise<Row[]> =>
  page.locator(".findings tbody tr").evaluateAll((all) =>
    all.map((row) => {
      const [label = "", score = "", box = "", query = ""] = Array.from(row.children, (cell) => cell.textContent ?? "")
      const numbers = box.replaceAll("−", "-").split(", ").map(Number)
      return { label, score: Number.parseFloat(score), box: numbers, query: Number(query) - 1 }
    }),
  )

/** That a table says what was found, where it names what is above a threshold. */
export function expectSame(
  table: readonly Row[],
  found: QueryDetections,
  labels: readonly string[],
  threshold: number,
): void {
  const wanted = Array.from(found.scores).filter((score) => score > threshold).length
  expect(table).toHaveLength(wanted)
  for (const row of table) {
    const i = found.queries.indexOf(row.query)
    expect(row.label).toBe(labels[found.labels[i] as number])
    expect(Math.abs(row.score - 100 * (found.scores[i] as number))).toBeLessThan(0.06)
    for (const [edge, pixel] of row.box.entries())
      expect(Math.abs(pixel - (found.boxes[4 * i + edge] as number))).toBeLessThan(0.51)
  }
}

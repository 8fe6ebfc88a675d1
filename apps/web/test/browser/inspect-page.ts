import { readFile } from "node:fs/promises"
import { drawShape } from "@vitrine/data"
import type { Page } from "playwright"
import { expect } from "vitest"
import { openReference } from "./reference.ts"

const modelFile = (name: string): URL => new URL(`../../public/model/${name}`, import.meta.url)

/** The files of the guide's model, to choose or to drop. */
export const modelFiles = (): Promise<{ name: string; mimeType: string; buffer: Buffer }[]> =>
  Promise.all(
    ["config.json", "model.safetensors"].map(async (name) => ({
      name,
      mimeType: "application/octet-stream",
      buffer: await readFile(modelFile(name)),
    })),
  )

/** Until all figures of the models that are open stand. */
export async function settled(page: Page, timeout = 60_000): Promise<void> {
  await page.locator("#features canvas").first().waitFor({ timeout })
  await page.locator('[data-busy="false"]').waitFor({ state: "attached", timeout })
}

/** The first model's predictions as the page writes them, the best first. */
const predictionsOf = (page: Page): Promise<{ label: string; percent: number }[]> =>
  page.locator('[data-tap="predictions-a"] tr').evaluateAll((rows) =>
    rows.map((row) => ({
      label: row.querySelector("th")?.textContent ?? "",
      percent: Number.parseFloat(row.querySelector(".number")?.textContent ?? ""),
    })),
  )

/** That the page predicts what the guide's model predicts in float64 for a built-in drawing. */
export async function expectPredictions(page: Page, drawing: number, seed: number): Promise<void> {
  const { probabilities } = await (await openReference()).trace(drawShape(drawing, [0x6775, seed]).data)
  const { label_names: names } = JSON.parse(await readFile(modelFile("config.json"), "utf8")) as {
    label_names: string[]
  }
  const best = Array.from(probabilities?.data ?? [], (share, i) => ({ label: names[i], share }))
    .sort((a, b) => b.share - a.share)
    .slice(0, 5)
  const rows = await predictionsOf(page)
  expect(rows.map(({ label }) => label)).toEqual(best.map(({ label }) => label))
  for (const [i, { share }] of best.entries())
    expect(Math.abs(Number(rows[i]?.percent) - 100 * share)).toBeLessThan(0.06)
}

import type { Page } from "playwright"
import { golden } from "@vitrine/golden"
import { expect } from "vitest"

export const steps = (page: Page): Promise<string[]> =>
  page.locator("section.step").evaluateAll((all) => all.map(({ id }) => id))

/** Until the model is loaded and the picture is traced. */
export const ready = (page: Page, timeout = 60_000): Promise<void> =>
  page.locator('[data-state="ready"]').waitFor({ timeout })

/** Scrolls to a step and waits until its figure stands. */
export async function visit(page: Page, id: string): Promise<void> {
  await page.locator(`#${id}`).scrollIntoViewIfNeeded()
  const stands = `#${id} .figure[data-stale=false] > :first-child`
  await page.waitForFunction(
    ([figure, waiting]) => document.querySelector(figure) !== null && document.querySelector(waiting) === null,
    [stands, `#${id} .waiting`] as const,
    { timeout: 150_000 },
  )
}

/** Whether the matrix in the enlarging window is drawn. */
export const isPainted = (page: Page): Promise<boolean> =>
  page.locator("dialog canvas").evaluate((canvas) => {
    if (!(canvas instanceof HTMLCanvasElement) || canvas.width === 0 || canvas.height === 0) return false
    const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] }
    return data.some((byte) => byte > 0)
  })

/** Values that a figure draws, by the name of their tap. */
interface FigureValues {
  readonly tap: string
  readonly data: readonly number[]
}

const figureValues = (page: Page, id: string): Promise<FigureValues[]> =>
  page.locator(`#${id} .cells[data-tap]`).evaluateAll((all) =>
    all.map((element) => ({
      tap: element.getAttribute("data-tap") ?? "",
      data: Array.from((element as unknown as { view: { data: ArrayLike<number> } }).view.data),
    })),
  )

/** The model's input as bytes, from the three channels in the figure. */
export async function pixelsOf(page: Page): Promise<number[]> {
  await visit(page, "image")
  const planes = await page
    .locator("#image .cells")
    .evaluateAll((all) =>
      all.map((each) => Array.from((each as unknown as { view: { data: Float32Array } }).view.data)),
    )
  const [reds = [], greens = [], blues = []] = planes
  expect(planes.length).toBe(3)
  return reds.flatMap((red, i) => [red, greens[i] ?? 0, blues[i] ?? 0])
}

/**
 * Compares the values in the figures of some steps, or of all, with those that timm computes for the first drawing or for
 * the photo, for block and head 1.
 * @returns how many figures were compared
 */
export async function compare(
  page: Page,
  picture: "guide-drawing" | "guide-photo",
  ids?: readonly string[],
): Promise<number> {
  const { tensors } = golden(picture)
  let compared = 0
  for (const id of ids ?? (await steps(page))) {
    await visit(page, id)
    for (const { tap, data } of await figureValues(page, id)) {
      const name = tap === "convolved" ? "patch_embed.embeddings" : tap
      const expected = tensors[name] ?? tensors[`blocks.0.${name}`]
      if (tap === "row-sums") for (const sum of data) expect(Math.abs(sum - 1)).toBeLessThan(1e-5)
      if (expected === undefined) {
        expect(["row-sums", "side-by-side", "head.weight", "lens"]).toContain(tap)
        continue
      }
      const values = Array.from(expected.data)
      expect(data.length, `${id} ${tap}`).toBe(values.length)
      const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
      const error = values.reduce((a, value, i) => Math.max(a, Math.abs(value - Number(data[i]))), 0)
      expect(error, `${id} ${tap}`).toBeLessThanOrEqual(Math.max(2e-5, 2e-5 * largest))
      compared++
    }
  }
  return compared
}

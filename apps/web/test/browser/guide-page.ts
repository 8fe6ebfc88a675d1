import type { Page } from "playwright"
import { expect } from "vitest"
import { openReference, type Reference, type ReferenceTensor } from "./reference.ts"

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
  page.locator(`#${id} [data-tap][role=application]`).evaluateAll((all) =>
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

/** The two models of the guide in float64. */
export interface GuideReferences {
  readonly model: Reference
  readonly hybrid: Reference
}

export async function openReferences(): Promise<GuideReferences> {
  return { model: await openReference(), hybrid: await openReference("hybrid/") }
}

/** All values of the models for a picture. The hybrid's figures draw the first channel of its features. */
async function expectedTaps(
  { model, hybrid }: GuideReferences,
  pixels: readonly number[],
): Promise<Record<string, ReferenceTensor>> {
  const [taps, hybridTaps] = [await model.trace(pixels), await hybrid.trace(pixels)]
  const { "patch_embed.backbone.stages.0.blocks.0": features, "patch_embed.embeddings": embeddings } = hybridTaps
  if (features === undefined || embeddings === undefined) throw new Error("the hybrid has no such taps")
  const channels = features.shape.at(-1) ?? 1
  const channel = Array.from(features.data).filter((_, i) => i % channels === 0)
  return {
    ...taps,
    "hybrid:features": { data: channel, shape: features.shape.slice(0, -1) },
    "hybrid:embeddings": embeddings,
  }
}

/**
 * Compares the values in the figures of some steps, or of all, with the float64 model, for block and head 1.
 * @returns how many figures were compared
 */
export async function compare(page: Page, references: GuideReferences, ids?: readonly string[]): Promise<number> {
  const taps = await expectedTaps(references, await pixelsOf(page))
  const { heads } = references.model.config
  let compared = 0
  for (const id of ids ?? (await steps(page))) {
    await visit(page, id)
    for (const { tap, data } of await figureValues(page, id)) {
      const name = [tap, `blocks.0.${tap}`].find((each) => taps[each] !== undefined)
      if (tap === "row-sums") for (const sum of data) expect(Math.abs(sum - 1)).toBeLessThan(1e-5)
      const expected = tap === "convolved" ? taps["patch_embed.embeddings"] : taps[name ?? ""]
      if (expected === undefined) {
        expect(["row-sums", "side-by-side", "head.weight"]).toContain(tap)
        continue
      }
      const isPerHead = /attn\.(q|k|v|scores|weights|context)$/.test(name ?? "")
      const values = Array.from(expected.data).slice(0, expected.data.length / (isPerHead ? heads : 1))
      expect(data.length, `${id} ${tap}`).toBe(values.length)
      const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
      const error = values.reduce((a, value, i) => Math.max(a, Math.abs(value - Number(data[i]))), 0)
      expect(error, `${id} ${tap}`).toBeLessThanOrEqual(Math.max(2e-5, 2e-5 * largest))
      compared++
    }
  }
  return compared
}

import type { Page } from "playwright"
import { expect } from "vitest"
import { openReference, type Reference } from "./reference.ts"

export const steps = (page: Page): Promise<string[]> =>
  page.locator("section.step").evaluateAll((all) => all.map(({ id }) => id))

/** Scrolls to a step and waits until its figure stands. */
export async function visit(page: Page, id: string): Promise<void> {
  await page.locator(`#${id}`).scrollIntoViewIfNeeded()
  await page.locator(`#${id} .figure > *`).first().waitFor()
  await page.locator(`#${id} [data-stale=false]`).waitFor()
  await page.locator(`#${id} .waiting`).waitFor({ state: "detached", timeout: 150_000 })
}

interface Drawn {
  readonly tap: string
  readonly data: number[]
}

/** What the figures of a step draw, by the names of the values. */
const drawn = (page: Page, id: string): Promise<Drawn[]> =>
  page.locator(`#${id} [data-tap][role=application]`).evaluateAll((all) =>
    all.map((element) => ({
      tap: element.getAttribute("data-tap") as string,
      data: Array.from((element as unknown as { view: { data: ArrayLike<number> } }).view.data),
    })),
  )

/** The pixels that the model was given, from the three channels that are drawn. */
export async function pixelsOf(page: Page): Promise<number[]> {
  await visit(page, "image")
  const planes = await page
    .locator("#image .cells")
    .evaluateAll((all) =>
      all.map((each) => Array.from((each as unknown as { view: { data: Float32Array } }).view.data)),
    )
  expect(planes.length).toBe(3)
  return (planes[0] as number[]).flatMap((red, i) => [red, planes[1]?.[i] as number, planes[2]?.[i] as number])
}

/** What the hybrid's figures draw, by their names: of its features the first channel. */
async function hybridTaps(pixels: readonly number[]): ReturnType<Reference["trace"]> {
  const taps = await (await openReference("hybrid/")).trace(pixels)
  const { data, shape } = taps["patch_embed.backbone.stages.0.blocks.0"] as { data: ArrayLike<number>; shape: number[] }
  const channels = shape.at(-1) as number
  const features = { data: Array.from(data).filter((_, i) => i % channels === 0), shape: shape.slice(0, -1) }
  return { "hybrid:features": features, "hybrid:embeddings": taps["patch_embed.embeddings"] as typeof features }
}

/** Compares all that is drawn in all steps with the float64 model, for block and head 1. */
export async function compare(page: Page, reference: Reference): Promise<number> {
  const pixels = await pixelsOf(page)
  const taps = { ...(await reference.trace(pixels)), ...(await hybridTaps(pixels)) }
  const { heads } = reference.config
  let compared = 0
  for (const id of await steps(page)) {
    await visit(page, id)
    for (const { tap, data } of await drawn(page, id)) {
      const name = [tap, `blocks.0.${tap}`].find((each) => taps[each] !== undefined)
      if (tap === "row-sums") for (const sum of data) expect(Math.abs(sum - 1)).toBeLessThan(1e-5)
      const expected = tap === "convolved" ? taps["patch_embed.embeddings"] : taps[name ?? ""]
      if (expected === undefined) {
        expect(["row-sums", "side-by-side", "head.weight"]).toContain(tap)
        continue
      }
      const isPerHead = /attn\.(q|k|v|scores|weights|context)$/.test(name ?? "")
      const wanted = Array.from(expected.data).slice(0, expected.data.length / (isPerHead ? heads : 1))
      expect(data.length, `${id} ${tap}`).toBe(wanted.length)
      const most = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
      const error = data.reduce((a, value, i) => Math.max(a, Math.abs(value - (wanted[i] as number))), 0)
      expect(error, `${id} ${tap}`).toBeLessThanOrEqual(Math.max(2e-5, 2e-5 * most))
      compared++
    }
  }
  return compared
}

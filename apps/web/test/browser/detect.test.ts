import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { referenceBackend } from "@vitrine/backend-reference"
import { decodeImage } from "@vitrine/data/node"
import { queryAttention } from "@vitrine/interpret"
import { zipSync } from "fflate"
import type { Page } from "playwright"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Detector, type ImageInput, loadDetector } from "vitrine"
import { drawn, expectSame, openReferenceDetector, type Row, rows, settled } from "./detect-page.ts"
import { drop } from "./drop.ts"
import { openSite, type Site, type Visit } from "./site.ts"
import { longTask, ownTasks } from "./tasks.ts"
import { fits, violationsInBothThemes } from "./violations.ts"

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const foreign = path("../../tooling/golden/files/huggingface-detr")

// One reader on one page: the tests go on where those before ended.
let site: Site
let reader: Visit
let page: Page
let reference: Detector<ImageInput>

beforeAll(async () => {
  site = await openSite()
  reader = await site.open("/detect/?scene=7", { reducedMotion: "reduce" })
  page = reader.page
  reference = await openReferenceDetector()
  await settled(page)
})

afterAll(async () => {
  await site?.close()
  await reference?.close()
})

const slide = (page: Page, name: string, value: number): Promise<void> =>
  page.getByRole("slider", { name }).fill(String(value))

/** That the second figure shows attention and answers of a query of the scene, by mean and by head, last layer and first. */
async function looks(page: Page): Promise<void> {
  const row = page.locator(".findings tbody tr").nth(1)
  const query = Number(await row.getAttribute("data-query"))
  await row.hover()
  await page.getByRole("heading", { name: `Where query ${query + 1} looks` }).waitFor()
  const { heads, decoderDepth, queries, classes } = reference.config
  const tapOf = (layer: number): string => `transformer.decoder.layers.${layer}.multihead_attn.weights`
  const { taps, grid } = await reference.inspect(await drawn.read(6), [0, decoderDepth - 1].map(tapOf).concat("logits"))
  for (const [layer, head] of [
    [decoderDepth - 1, "mean"],
    [0, heads - 1],
  ] as const) {
    const { values } = queryAttention(taps[tapOf(layer)] as never, { grid, query, head })
    await row.locator("input").check()
    await slide(page, "Layer of the decoder", layer + 1)
    const map = page.locator(".query-heads button").nth(head === "mean" ? 0 : head + 1)
    const reds = await map.locator("canvas").evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement
      const { data } = (canvas as HTMLCanvasElement).getContext("2d")?.getImageData(0, 0, width, height) ?? {}
      return Array.from({ length: width * height }, (_, i) => data?.[4 * i] ?? 0)
    })
    const most = Math.max(...values)
    // As dark and bright as the weights are.
    for (const [i, value] of values.entries())
      expect(Math.abs((reds[i] as number) - (30 + 222 * (value / most) ** 1.2))).toBeLessThan(1.5)
    const logits = Array.from(taps.logits?.data ?? []).slice((layer * queries + query) * (classes + 1))
    const powers = logits.slice(0, classes + 1).map(Math.exp)
    const sum = powers.reduce((a, b) => a + b)
    const shares = await page.locator('[data-tap="classes"] .number').allTextContents()
    for (const [i, share] of shares.entries())
      expect(Math.abs(Number.parseFloat(share) - (100 * (powers[i] as number)) / sum)).toBeLessThan(0.06)
  }
  await expect.poll(() => page.locator("#asked .box.dashed").count()).toBe(decoderDepth - 1)
  // At the middle of the smallest box that is chosen, or one that is as small, whatever lies around it.
  const area = ({ box: [x0 = 0, y0 = 0, x1 = 0, y1 = 0] }: Row): number => (x1 - x0) * (y1 - y0)
  const table = (await rows(page)).sort((a, b) => area(a) - area(b))
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = table[0]?.box ?? []
  const side = (await page.locator("#found .boxes").boundingBox())?.width ?? 0
  const position = { x: ((x0 + x1) / 128) * side, y: ((y0 + y1) / 128) * side }
  await page.locator("#found .boxes").click({ position })
  const checked = Number(await page.locator("tr:has(input:checked)").getAttribute("data-query"))
  expect(area(table.find((each) => each.query === checked) as Row)).toBeLessThan(1.2 * area(table[0] as Row))
  await expect.poll(() => page.locator("#asked .box.strong").count()).toBe(1)
}

test("is used by keyboard alone", async () => {
  const all = await rows(page)
  const heading = (at: number): Promise<void> =>
    page.getByRole("heading", { name: `Where query ${(all[at]?.query ?? 0) + 1} looks` }).waitFor()
  const reach = async (selector: string): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab")
      if (await page.evaluate((target) => document.activeElement?.matches(target), selector)) return
    }
    throw new Error(`${selector} is not reached`)
  }
  await reach(".findings input")
  await heading(0)
  await page.keyboard.press("ArrowDown")
  await heading(1)
  await expect.poll(() => page.locator(".findings tr.marked input:checked").count()).toBe(1)
  await page.keyboard.press("Escape")
  await expect.poll(() => page.locator(".findings input:checked").count()).toBe(0)
  await reach("#asked input[type=range]")
  await page.keyboard.press("Home")
  await page.getByText("Layer 1 of").first().waitFor()
  await reach(".query-heads button:nth-child(2)")
  await page.keyboard.press("Enter")
  await expect
    .poll(() => page.getByRole("button", { name: "head 1", exact: true }).getAttribute("aria-pressed"))
    .toBe("true")
  expect(reader.faults).toEqual([])
})

test("finds in a scene what the float64 reference finds, and shows where a query looks", async () => {
  const found = await reference.detect(await drawn.read(6), { threshold: 0 })
  expectSame(await rows(page), found, reference.labels, 0.5)
  await expect.poll(() => page.locator("#found .box.plain").count()).toBe((await rows(page)).length)
  for (const threshold of [0.9, 0.2]) {
    await slide(page, "Least score", threshold)
    expectSame(await rows(page), found, reference.labels, threshold)
  }
  await slide(page, "Least score", 0.5)
  await page.getByLabel("Queries that found nothing").check()
  expect(await rows(page)).toHaveLength(reference.config.queries)
  await expect
    .poll(() => page.locator(".findings tr.idle").count())
    .toBe(await page.locator("#found .box.idle").count())
  await page.getByLabel("True boxes").check()
  await expect.poll(() => page.locator("#found .box.true").count()).toBe(drawn.objects(6).labels.length)

  await page.getByLabel("Queries that found nothing").uncheck()
  await looks(page)
  await page.getByRole("button", { name: "Another scene" }).click()
  await page.waitForURL(/scene=8$/)
  await settled(page)
  expectSame(await rows(page), await reference.detect(await drawn.read(7), { threshold: 0 }), reference.labels, 0.5)
  expect(reader.faults).toEqual([])
})

test("axe finds nothing in light and dark, and nothing overflows at 360 px", async () => {
  const { width, height } = page.viewportSize() ?? { width: 1280, height: 720 }
  await page.setViewportSize({ width: 360, height: 740 })
  await page.getByLabel("Queries that found nothing").check()
  await expect.poll(() => page.getByLabel("True boxes").isChecked()).toBe(true)
  expect(await violationsInBothThemes(page)).toEqual([])
  expect(await fits(page)).toBe(true)
  await page.getByLabel("Queries that found nothing").uncheck()
  await page.setViewportSize({ width, height })
})

test("opens a dropped run, and a folder of Hugging Face's on a dropped picture", async () => {
  const before = await rows(page)
  const read = (file: string): Promise<Buffer> => readFile(path(`public/detector/${file}`))
  const run = { "run/config.json": await read("config.json"), "run/model.safetensors": await read("model.safetensors") }
  const input = page.locator("#detector input[accept]")
  const mimeType = "application/octet-stream"
  await input.setInputFiles({ name: "run.zip", mimeType, buffer: Buffer.from(zipSync(run)) })
  await page.locator('[data-model="run"]').waitFor()
  await settled(page)
  expect(await rows(page)).toEqual(before)

  await drop(page, "#detector .drop", [foreign])
  await page.locator('[data-model="huggingface-detr"]').waitFor()
  await settled(page)
  await drop(page, "#found .stage", [`${foreign}/wide.png`])
  await page.locator(".shots input").nth(1).waitFor({ state: "attached" })
  await settled(page)
  await slide(page, "Least score", 0.05)
  const other = await loadDetector(foreign, { backend: referenceBackend() })
  const found = await other.detect(await decodeImage(`${foreign}/wide.png`), { threshold: 0 })
  expectSame(await rows(page), found, other.labels, 0.05)
  await other.close()

  await page.locator("#found input[type=file]").setInputFiles({ name: "a.png", mimeType, buffer: Buffer.from("no") })
  await page.getByRole("alert").filter({ hasText: "a.png: is not a JPEG" }).waitFor()
  await expect.poll(() => page.locator(".shots label").count()).toBe(2)
  const classifier = ["config.json", "model.safetensors"].map((name) => path(`public/model/${name}`))
  await input.setInputFiles(classifier)
  await page.getByRole("alert").filter({ hasText: "is of no detector" }).waitFor()
  await page.getByRole("button", { name: "Built-in detector" }).click()
  await page.locator('[data-model="built-in"]').waitFor()
  expect(reader.faults).toEqual([])
})

test("no task of the page is long", async () => {
  const tasks = await ownTasks(site.browser, site.address, async () => {
    const { page, close } = await site.open("/detect/")
    await settled(page)
    for (const row of await page.locator(".findings tbody tr").all()) await row.hover()
    await page.getByRole("button", { name: "Another scene" }).click()
    await settled(page)
    const photo = await page.screenshot({ type: "png" })
    const picture = { name: "photo.png", mimeType: "image/png", buffer: photo }
    await page.locator("#found input[type=file]").setInputFiles(picture)
    await page.locator(".shots input").nth(1).waitFor({ state: "attached" })
    await settled(page)
    await close()
  })
  expect(tasks.length).toBeGreaterThan(5)
  expect(tasks[0]?.whole).toBeLessThan(await longTask(site.browser))
})

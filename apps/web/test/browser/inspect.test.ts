import { readFile } from "node:fs/promises"
import type { Page } from "playwright"
import { afterAll, beforeAll, expect, test } from "vitest"
import { expectPredictions, modelFiles, settled } from "./inspect-page.ts"
import { openSite, type Site, type Visit } from "./site.ts"
import { fits, violationsInBothThemes } from "./violations.ts"

// One reader on one page: the tests go on where those before ended.
let site: Site
let reader: Visit
let page: Page

beforeAll(async () => {
  site = await openSite()
  const view = "/inspect/?a=guide&drawing=5.60&head=2.3&asks=6&place=4"
  reader = await site.open(view, { reducedMotion: "reduce" })
  page = reader.page
  await settled(page)
})

afterAll(() => site?.close())

const shotCount = (): Promise<number> => page.locator(".shots label").count()

test("shows what the model computes for a drawing, by a link", async () => {
  await expectPredictions(page, 5, 60)
  const head = page.getByRole("button", { name: "block 2, head 3", exact: true })
  await expect.poll(() => head.getAttribute("aria-pressed")).toBe("true")
  await expect.poll(() => page.getByText("patch 7 (row 2, column 3)").count()).toBeGreaterThan(0)
  expect(reader.faults).toEqual([])
})

test("opens dropped files beside another model, looks at dropped pictures, and saves figures", async () => {
  await page.getByRole("button", { name: "Compare with a second model" }).click()
  await page.locator('[data-model="b"]').waitFor()
  await page
    .locator(".model-choice")
    .nth(1)
    .locator("input[accept]")
    .setInputFiles(await modelFiles())
  await settled(page)
  const photo = await page.screenshot({ type: "png" })
  await page
    .locator(".pictures input[type=file]")
    .setInputFiles({ name: "photo.png", mimeType: "image/png", buffer: photo })
  await expect.poll(shotCount).toBe(6)
  await settled(page)
  const [a, b] = await Promise.all(
    ["a", "b"].map((slot) => page.locator(`[data-tap="predictions-${slot}"]`).innerText()),
  )
  expect(a).toBe(b)
  for (const [button, kind] of [
    ["Save SVG: Attention of every head", "<svg"],
    ["Save PNG: Attention of every head", "PNG"],
    ["Save SVG: How far the heads look", "<svg"],
  ] as const) {
    const downloading = page.waitForEvent("download")
    await page.getByRole("button", { name: button }).click()
    const bytes = await readFile(await (await downloading).path())
    expect(bytes.subarray(0, 8).toString("latin1")).toContain(kind)
    expect(bytes.length).toBeGreaterThan(1000)
  }
  expect(reader.faults).toEqual([])
})

test("axe finds nothing in light and dark, and nothing overflows at 360 px", async () => {
  const { width, height } = page.viewportSize() ?? { width: 1280, height: 720 }
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await violationsInBothThemes(page)).toEqual([])
  expect(await fits(page)).toBe(true)
  await page.setViewportSize({ width, height })
  await page.getByRole("button", { name: "Without the second" }).click()
})

test("says in words what is wrong with files", async () => {
  const [, model] = await modelFiles()
  if (model === undefined) throw new Error("no model")
  const input = page.locator(".model-choice input[accept]")
  const drop = (name: string, buffer: Buffer): Promise<void> =>
    input.setInputFiles({ name, mimeType: "application/octet-stream", buffer })
  const alert = page.getByRole("alert")
  await drop("notes.json", Buffer.from("{}"))
  await alert.filter({ hasText: "they are no model" }).waitFor()
  await drop("lone.safetensors", model.buffer)
  await alert.filter({ hasText: "lone.safetensors" }).waitFor()
  await page.getByText("Another resolution, or heads").click()
  await page.getByLabel("Heads, where the files do not say").fill("3")
  await page.getByLabel("Side of the pictures in pixels").fill("64")
  await page.getByRole("button", { name: "Open again" }).click()
  await page.getByText("pictures of 64 × 64 in patches of 8 × 8").waitFor()
  await settled(page)
  await drop("half.safetensors", model.buffer.subarray(0, 3000))
  await alert.filter({ hasText: "half.safetensors" }).waitFor()
  await drop("half.npz", Buffer.from("PK"))
  await alert.filter({ hasText: "half.npz" }).waitFor()
})

test("links to a view of dropped files open it here if the reader lets them be kept, and else ask for them", async () => {
  const dropModel = async (): Promise<void> =>
    page.locator(".model-choice input[accept]").setInputFiles(await modelFiles())
  await dropModel()
  await page.locator('[data-model="a"]').filter({ hasText: "model.safetensors" }).waitFor()
  const photo = await page.screenshot({ type: "png" })
  const picture = { name: "view.png", mimeType: "image/png", buffer: photo }
  await page.locator(".pictures input[type=file]").setInputFiles(picture)
  await expect.poll(shotCount).toBe(7)
  await settled(page)
  await page.getByRole("button", { name: "block 3, head 2", exact: true }).click()
  const predictions = (): Promise<string> => page.locator('[data-tap="predictions-a"]').innerText()
  const before = await predictions()

  await page.getByRole("button", { name: "Link to this view" }).click()
  await page.getByText("The view has files that you dropped").waitFor()
  await page.reload()
  const alerts = page.getByRole("alert")
  await alerts.filter({ hasText: "“model.safetensors”, which is not kept in this browser" }).waitFor()
  await alerts.filter({ hasText: "“photo.png”, which is not kept in this browser" }).waitFor()
  await alerts.filter({ hasText: "“view.png”, which is not kept in this browser" }).waitFor()
  await dropModel()
  await page.locator(".pictures input[type=file]").setInputFiles([{ ...picture, name: "photo.png" }, picture])
  await expect.poll(() => alerts.count()).toBe(0)
  await settled(page)
  await page.locator(".shots input").last().check()
  await expect.poll(predictions).toBe(before)
  const pressed = page.getByRole("button", { name: "block 3, head 2", exact: true })
  await expect.poll(() => pressed.getAttribute("aria-pressed")).toBe("true")

  await page.getByRole("button", { name: "Link to this view" }).click()
  await page.getByRole("button", { name: "Keep a copy" }).click()
  await page.getByText("This browser keeps copies of dropped files").waitFor()
  await page.reload()
  await settled(page)
  await expect.poll(predictions).toBe(before)
  await expect.poll(() => pressed.getAttribute("aria-pressed")).toBe("true")
  expect(await alerts.count()).toBe(0)
  await page.getByRole("button", { name: "Delete them" }).click()
  await expect.poll(() => page.getByText("This browser keeps copies").count()).toBe(0)
  expect(reader.faults).toEqual([])
})

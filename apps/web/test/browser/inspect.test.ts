import { readFile } from "node:fs/promises"
import { drawShape } from "@vitrine/data"
import type { Page } from "playwright"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openReference } from "./reference.ts"
import { openSite, type Site } from "./site.ts"
import { violations } from "./violations.ts"

let site: Site

beforeAll(async () => {
  site = await openSite()
})

afterAll(() => site?.close())

/** Until all figures of the models that are open stand. */
async function settled(page: Page): Promise<void> {
  await page.locator("#features canvas").first().waitFor({ timeout: 60_000 })
  await page.locator('[data-busy="false"]').waitFor({ state: "attached", timeout: 60_000 })
}

const modelFile = (name: string): Promise<Buffer> => readFile(new URL(`../../public/model/${name}`, import.meta.url))

test("shows what the model computes for a drawing, by a link", async () => {
  const { page, faults, close } = await site.open("/inspect/?a=guide&drawing=5.60&head=2.3&asks=6&place=4")
  await settled(page)
  const { data } = drawShape(5, [0x6775, 60])
  const { probabilities, "blocks.1.attn.weights": weights } = await (await openReference()).trace(data)
  const rows = await page.locator("#predictions .bars tr").allInnerTexts()
  const best = Math.max(...Array.from(probabilities?.data ?? []))
  expect(rows[0]).toContain("heart")
  expect(Number.parseFloat(rows[0]?.split(/\s+/).at(-2) ?? "")).toBeCloseTo(100 * best, 0)
  expect(weights).toBeDefined()
  expect(await page.getByRole("button", { name: "block 2, head 3", exact: true }).getAttribute("aria-pressed")).toBe(
    "true",
  )
  expect(await page.getByText("patch 7 (row 2, column 3)").count()).toBeGreaterThan(0)
  expect(faults).toEqual([])
  await close()
})

test("opens dropped files beside another model, looks at dropped pictures, and saves figures", async () => {
  const { page, faults, close } = await site.open("/inspect/")
  await settled(page)
  await page.getByRole("button", { name: "Compare with a second model" }).click()
  await page.locator('[data-model="b"]').waitFor()
  const files = await Promise.all(
    ["config.json", "model.safetensors"].map(async (name) => ({
      name,
      mimeType: "application/octet-stream",
      buffer: await modelFile(name),
    })),
  )
  await page.locator(".model-choice").nth(1).locator("input[accept]").setInputFiles(files)
  await settled(page)
  const photo = await page.screenshot({ type: "png" })
  await page
    .locator(".pictures input[type=file]")
    .setInputFiles({ name: "photo.png", mimeType: "image/png", buffer: photo })
  await expect.poll(() => page.locator(".shots label").count()).toBe(6)
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
  expect(faults).toEqual([])
  await close()
})

test("links to a view of dropped files open it here if the reader lets them be kept, and else ask for them", async () => {
  const { page, faults, close } = await site.open("/inspect/")
  await settled(page)
  const model = await Promise.all(
    ["config.json", "model.safetensors"].map(async (name) => ({
      name,
      mimeType: "application/octet-stream",
      buffer: await modelFile(name),
    })),
  )
  const dropModel = (): Promise<void> => page.locator(".model-choice input[accept]").setInputFiles(model)
  await dropModel()
  await page.locator('[data-model="a"]').filter({ hasText: "model.safetensors" }).waitFor()
  const photo = await page.screenshot({ type: "png" })
  const picture = { name: "photo.png", mimeType: "image/png", buffer: photo }
  await page.locator(".pictures input[type=file]").setInputFiles(picture)
  await expect.poll(() => page.locator(".shots label").count()).toBe(6)
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
  await dropModel()
  await page.locator(".pictures input[type=file]").setInputFiles(picture)
  await expect.poll(predictions).toBe(before)
  expect(await alerts.count()).toBe(0)
  const pressed = page.getByRole("button", { name: "block 3, head 2", exact: true })
  expect(await pressed.getAttribute("aria-pressed")).toBe("true")

  await page.getByRole("button", { name: "Link to this view" }).click()
  await page.getByRole("button", { name: "Keep a copy" }).click()
  await page.getByText("This browser keeps copies of dropped files").waitFor()
  await page.reload()
  await settled(page)
  await expect.poll(predictions).toBe(before)
  expect(await pressed.getAttribute("aria-pressed")).toBe("true")
  expect(await alerts.count()).toBe(0)
  await page.getByRole("button", { name: "Delete them" }).click()
  await expect.poll(() => page.getByText("This browser keeps copies").count()).toBe(0)
  expect(faults).toEqual([])
  await close()
})

test("says in words what is wrong with files", async () => {
  const { page, close } = await site.open("/inspect/")
  await settled(page)
  const input = page.locator(".model-choice input[accept]")
  const drop = (name: string, buffer: Buffer): Promise<void> =>
    input.setInputFiles({ name, mimeType: "application/octet-stream", buffer })
  const alert = page.getByRole("alert")
  await drop("notes.json", Buffer.from("{}"))
  await alert.filter({ hasText: "they are no model" }).waitFor()
  await drop("lone.safetensors", await modelFile("model.safetensors"))
  await alert.filter({ hasText: "lone.safetensors" }).waitFor()
  await page.getByText("Another resolution, or heads").click()
  await page.getByLabel("Heads, where the files do not say").fill("3")
  await page.getByLabel("Side of the pictures in pixels").fill("64")
  await page.getByRole("button", { name: "Open again" }).click()
  await page.getByText("pictures of 64 × 64 in patches of 8 × 8").waitFor()
  await settled(page)
  await drop("half.safetensors", (await modelFile("model.safetensors")).subarray(0, 3000))
  await alert.filter({ hasText: "half.safetensors" }).waitFor()
  await drop("half.npz", Buffer.from("PK"))
  await alert.filter({ hasText: "half.npz" }).waitFor()
  await close()
})

describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
  test("axe finds nothing, and nothing overflows at 360 px", async () => {
    const { page, close } = await site.open("/inspect/?a=guide&b=guide", {
      colorScheme,
      viewport: { width: 360, height: 740 },
    })
    await settled(page)
    expect(await violations(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    await close()
  })
})

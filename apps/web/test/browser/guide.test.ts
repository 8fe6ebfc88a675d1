import { gzipSync } from "node:zlib"
import { mkdtemp, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { drop } from "./drop.ts"
import { compare, pixelsOf, steps, visit } from "./guide-page.ts"
import { openReference, type Reference } from "./reference.ts"
import { openSite, type Site } from "./site.ts"
import { violations } from "./violations.ts"

let site: Site
let reference: Reference

beforeAll(async () => {
  site = await openSite()
  reference = await openReference()
})

afterAll(() => site?.close())

describe("the guide", () => {
  test("draws what the model computes, for a drawing and for a photo", async () => {
    const { page, faults, close } = await site.open("/")
    await page.locator('[data-state="ready"]').waitFor()
    expect(await compare(page, reference)).toBeGreaterThanOrEqual(20)

    const photo = join(await mkdtemp(join(tmpdir(), "vitrine-web-")), "photo.jpg")
    await page.screenshot({ type: "jpeg", path: photo })
    const before = await pixelsOf(page)
    await drop(page, ".picker", [photo])
    await expect.poll(async () => (await pixelsOf(page)).join() === before.join()).toBe(false)
    expect(await compare(page, reference)).toBeGreaterThanOrEqual(20)
    expect(faults).toEqual([])
    await close()
  })

  test("tells what is wrong with a file, and goes on", async () => {
    const { page, close } = await site.open("/")
    await page.locator('[data-state="ready"]').waitFor()
    const input = page.locator("#data input[type=file]")
    await input.setInputFiles({ name: "cat.jpg", mimeType: "image/jpeg", buffer: Buffer.from("not a picture") })
    expect(await page.getByRole("alert").textContent()).toContain("cat.jpg: is not a JPEG, PNG, WebP or GIF image")
    await page.getByRole("button", { name: "Other drawings" }).click()
    await page.locator('[data-state="ready"]').waitFor()
    await close()
  })

  test("takes a gradient step that lowers the loss, and restores the weights", async () => {
    const { page, faults, close } = await site.open("/")
    await page.locator('[data-state="ready"]').waitFor()
    await visit(page, "loss")
    const loss = page.locator('#loss [data-tap="loss"]')
    const first = await loss.textContent()
    await page.getByRole("button", { name: "Take one step" }).click()
    const [before, after] = ((await page.locator("[data-fell]").getAttribute("data-fell")) ?? "").split(" ").map(Number)
    expect(before).toBeCloseTo(Number(first), 4)
    expect(after).toBeLessThan(before as number)
    await expect.poll(async () => Number(await loss.textContent())).toBeCloseTo(after as number, 4)
    await page.getByRole("button", { name: "Trained weights" }).click()
    await expect.poll(() => loss.textContent()).toBe(first)
    expect(faults).toEqual([])
    await close()
  })

  test("can be read by keyboard: a cursor in a matrix says value and meaning", async () => {
    const { page, close } = await site.open("/")
    await page.locator('[data-state="ready"]').waitFor()
    await visit(page, "softmax")
    const cells = page.locator("#softmax .cells").first()
    await cells.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowRight")
    const readout = page.locator("#softmax .matrix").first().locator("output")
    const text = (await readout.textContent()) ?? ""
    expect(text).toContain("query: patch 1 (row 1, column 1) · key: patch 1 (row 1, column 1)")
    const weights = (await reference.trace(await pixelsOf(page)))["blocks.0.attn.weights"]
    expect(Number(text.split(" ").at(-1))).toBeCloseTo(Number(weights?.data[17 + 1]), 5)
    await cells.focus()
    await page.keyboard.press("Escape")
    await page.getByRole("button", { name: "Enlarge: attention weights" }).first().click()
    await page.getByRole("dialog").waitFor()
    await page.keyboard.press("Escape")
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0)
    await close()
  })

  test("works offline once it was there, in all languages", async () => {
    const { page, faults, close } = await site.open("/")
    await page.locator('[data-state="ready"]').waitFor()
    await page.evaluate(() => navigator.serviceWorker.ready)
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null, null, { timeout: 60_000 })
    await page.context().setOffline(true)
    await page.reload()
    await page.locator('[data-state="ready"]').waitFor({ timeout: 60_000 })
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    for (const [language, title] of [
      ["ja", "Vision Transformer は、どう見ているか"],
      ["ko", "Vision Transformer는 어떻게 보는가"],
      ["en", "How a Vision Transformer sees"],
    ] as const) {
      await page.getByLabel("Language").or(page.getByLabel("言語")).or(page.getByLabel("언어")).selectOption(language)
      await page.getByRole("heading", { level: 1, name: title }).waitFor()
      expect(await page.evaluate(() => document.documentElement.lang)).toBe(language)
    }
    expect(faults).toEqual([])
    await close()
  })

  test("weighs little before a model or an engine is asked for", async () => {
    const { page, requests, close } = await site.open("/")
    await page.locator('[data-state="ready"]').waitFor()
    const first = requests.filter((url) => !/worker|ort|\.wasm|\/model\//.test(url))
    let bytes = 0
    for (const url of first) {
      const path = new URL(url).pathname
      const file = path.endsWith("/") ? `${path}index.html` : path
      bytes += gzipSync(await readFile(new URL(`../../dist${file}`, import.meta.url))).length
    }
    expect(first.length).toBeGreaterThan(2)
    expect(bytes).toBeLessThan(200_000)
    await close()
  })
})

describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
  test("axe finds nothing, and nothing overflows at 360 px", async () => {
    const { page, close } = await site.open("/", { colorScheme, viewport: { width: 360, height: 740 } })
    await page.locator('[data-state="ready"]').waitFor()
    for (const id of await steps(page)) await visit(page, id)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    expect(await violations(page)).toEqual([])
    await close()
  })
})

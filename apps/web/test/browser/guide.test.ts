import { readFile } from "node:fs/promises"
import { gzipSync } from "node:zlib"
import { golden, goldenPath, tensor } from "@vitrine/golden"
import type { Page } from "playwright"
import { afterAll, beforeAll, expect, test } from "vitest"
import { drop } from "./drop.ts"
import { compare, isPainted, pixelsOf, ready, steps, visit } from "./guide-page.ts"
import { openSite, type Site, type Visit } from "./site.ts"
import { fits, violationsInBothThemes } from "./violations.ts"

// One reader on one page: the tests go on where those before ended.
let site: Site
let reader: Visit
let page: Page

beforeAll(async () => {
  site = await openSite()
  reader = await site.open("/", { reducedMotion: "reduce", serviceWorkers: "allow" })
  page = reader.page
  await ready(page)
})

afterAll(() => site?.close())

/** The paths that the site's service worker keeps. */
const keptFiles = (): Promise<string[]> =>
  page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith("vitrine "))
    const stores = await Promise.all(names.map((name) => caches.open(name)))
    return (await Promise.all(stores.map((store) => store.keys()))).flat().map(({ url }) => new URL(url).pathname)
  })

const photo = goldenPath("vit-folder-tiny/wide-rgb.png")

/** The bytes that the reader's browser asked for so far, as a host sends them. */
async function bytesOf(requests: readonly string[]): Promise<number> {
  const files = requests.map(async (url) => {
    const path = new URL(url).pathname
    const file = path.endsWith("/") ? `${path}index.html` : path
    return gzipSync(await readFile(new URL(`../../dist${file}`, import.meta.url))).length
  })
  return (await Promise.all(files)).reduce((a, b) => a + b, 0)
}

test("shows values of the model before it has model or engine, and loads no other room", async () => {
  const first = [...reader.requests]
  expect(await page.evaluate(() => performance.getEntriesByName("first-figure").length)).toBe(1)
  expect(first.length).toBeGreaterThan(3)
  expect(first.filter((url) => /worker|\.wasm|safetensors|detect|inspect|train/.test(url))).toEqual([])
  expect(await bytesOf(first)).toBeLessThan(150_000)
})

test("draws what timm computes for a drawing, without an engine", async () => {
  expect(await compare(page, "guide-drawing")).toBeGreaterThanOrEqual(20)
  expect(reader.requests.filter((url) => /\.wasm|bundle/.test(url))).toEqual([])
  expect(reader.faults).toEqual([])
})

test("a cursor in a matrix says value and meaning, and the matrix can be enlarged", async () => {
  await visit(page, "softmax")
  const cells = page.locator("#softmax .cells").first()
  const { width, height } = (await cells.boundingBox()) ?? { width: 0, height: 0 }
  await cells.hover({ position: { x: (1.5 * width) / 17, y: (1.5 * height) / 17 } })
  const readout = page.locator("#softmax .matrix").first().locator("output")
  const text = (await readout.textContent()) ?? ""
  expect(text).toContain("query: patch 1 (row 1, column 1) · key: patch 1 (row 1, column 1)")
  const weights = tensor(golden("guide-drawing"), "blocks.0.attn.weights")
  expect(Number(await readout.locator("b").textContent())).toBeCloseTo(Number(weights.data[17 + 1]), 5)
  // The sum behind it, term by term.
  const play = page.locator("#softmax .running")
  expect(await play.locator(".sum").textContent()).toMatch(/\/ Σ = /)
  await play.getByLabel("Terms").fill("1")
  const score = Number(tensor(golden("guide-drawing"), "blocks.0.attn.scores").data[17])
  const shownScore = Number(
    /e\^(\S+) =/.exec((await play.locator(".sum").textContent())?.replaceAll("−", "-") ?? "")?.[1],
  )
  expect(shownScore).toBeCloseTo(score, 2)
  await page.getByRole("button", { name: "Enlarge: attention weights" }).first().click()
  await page.getByRole("dialog").waitFor()
  await expect.poll(() => isPainted(page)).toBe(true)
  await page.keyboard.press("Escape")
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0)
})

test("compares all maps by one scale, and keeps the label in its envelope", async () => {
  await visit(page, "repeat")
  const veils = (): Promise<string> =>
    page
      .locator("#repeat .glance")
      .evaluateAll((all) =>
        all
          .map((map) =>
            Math.min(
              ...Array.from(map.querySelectorAll<HTMLElement>(".patch"), (patch) =>
                Number(patch.style.getPropertyValue("--veil")),
              ),
            ),
          )
          .join(),
      )
  expect(new Set((await veils()).split(","))).toEqual(new Set(["0"]))
  await page.locator("#repeat").getByLabel("Same scale for all maps").check()
  await expect.poll(async () => (await veils()).split(",").filter((veil) => veil === "0").length).toBe(1)
  // The class after the last block is the model's answer.
  const { rows, last } = await page.locator('#repeat [data-tap="lens"]').evaluate((element) => {
    const { view } = element as unknown as { view: { rows: number; data: Float32Array } }
    return { rows: view.rows, last: Array.from(view.data.slice(-10)) }
  })
  expect(rows).toBe(5)
  for (const [i, p] of tensor(golden("guide-drawing"), "probabilities").data.entries())
    expect(last[i]).toBeCloseTo(p, 5)
  await visit(page, "label")
  expect(await page.locator("#label .slip").textContent()).toBe("?")
  await page.getByRole("button", { name: "Open the envelope" }).click()
  await expect.poll(() => page.locator("#label .slip").textContent()).not.toBe("?")
})

test("takes a gradient step that lowers the loss, and restores the weights", async () => {
  await visit(page, "loss")
  const loss = page.locator('#loss [data-tap="loss"]')
  const first = await loss.textContent()
  await page.getByRole("button", { name: "Take one step" }).click()
  const [before, after] = ((await page.locator("[data-fell]").getAttribute("data-fell")) ?? "").split(" ").map(Number)
  expect(before).toBeCloseTo(Number(first), 4)
  expect(after).toBeLessThan(Number(before))
  await expect.poll(async () => Number(await loss.textContent())).toBeCloseTo(Number(after), 4)
  await page.getByRole("button", { name: "Trained weights" }).click()
  await expect.poll(() => loss.textContent()).toBe(first)
  expect(reader.faults).toEqual([])
})

test("a step lowers the loss of every drawing", async () => {
  await visit(page, "loss")
  for (const [i, drawing] of (await page.locator(".drawing input").all()).entries()) {
    // A click of a script's, which does not scroll.
    await drawing.evaluate((input) => input.dispatchEvent(new MouseEvent("click")))
    await expect.poll(() => page.locator("[data-fell]").count()).toBe(0)
    await page.getByRole("button", { name: "Take one step" }).click()
    const fell = ((await page.locator("[data-fell]").getAttribute("data-fell")) ?? "").split(" ").map(Number)
    expect(fell[1], `drawing ${i + 1}`).toBeLessThan(Number(fell[0]))
    await page.getByRole("button", { name: "Trained weights" }).click()
    await expect.poll(() => page.locator("[data-fell]").count()).toBe(0)
  }
})

test("draws what the model computes for a dropped photo", async () => {
  const before = await pixelsOf(page)
  await drop(page, ".picker", [photo])
  await expect.poll(async () => (await pixelsOf(page)).join() === before.join()).toBe(false)
  // All figures draw one trace, so some of each part are enough.
  const some = ["flatten", "embedAll", "qkv", "softmax", "residual2", "readout", "convolution", "hybrid"]
  expect(await compare(page, "guide-photo", some)).toBeGreaterThanOrEqual(11)
  expect(reader.faults).toEqual([])
})

test("a model of photographs names a dropped cat, and says of a drawing that it is none of its classes", async () => {
  const say = page.locator("[data-second]")
  // A photograph of tensorflow/tfjs (Apache-2.0), made smaller.
  await page.locator("#data input[type=file]").setInputFiles(new URL("cat.jpg", import.meta.url).pathname)
  await expect.poll(() => say.getAttribute("data-second")).toBe("cat")
  await page.getByText("It sees your picture squeezed to 32 × 32 pixels.").waitFor()
  const drawing = await page
    .locator(".drawing canvas")
    .nth(4)
    .evaluate((canvas) => {
      if (!(canvas instanceof HTMLCanvasElement)) throw new Error("no canvas")
      return canvas.toDataURL("image/png").split(",")[1] ?? ""
    })
  const buffer = Buffer.from(drawing, "base64")
  await page.locator("#data input[type=file]").setInputFiles({ name: "drawing.png", mimeType: "image/png", buffer })
  await expect.poll(() => say.getAttribute("data-second")).toBe("none")
  expect(reader.faults).toEqual([])
})

test("goes on teaching the label that it began with, whatever the model says by then", async () => {
  const dropped = await pixelsOf(page)
  await page.locator(".drawing input").nth(2).check()
  await expect.poll(async () => (await pixelsOf(page)).join() === dropped.join()).toBe(false)
  const before = await pixelsOf(page)
  await page.locator("#data input[type=file]").setInputFiles(photo)
  await expect.poll(async () => (await pixelsOf(page)).join() === before.join()).toBe(false)
  await visit(page, "loss")
  const label = page.getByLabel("Label to learn")
  const first = await label.inputValue()
  await page.getByRole("button", { name: "Take one step" }).click()
  await page.locator("[data-fell]").waitFor()
  await page.getByRole("button", { name: "Forget everything" }).click()
  await expect.poll(() => page.locator("[data-fell]").count()).toBe(0)
  await expect
    .poll(() => page.locator("#loss .bars .best th").textContent())
    .not.toBe(await label.locator(":checked").textContent())
  expect(await label.inputValue()).toBe(first)
  await page.getByRole("button", { name: "Trained weights" }).click()
  await ready(page)
})

test("tells what is wrong with a file, and goes on", async () => {
  const input = page.locator("#data input[type=file]")
  await input.setInputFiles({ name: "cat.jpg", mimeType: "image/jpeg", buffer: Buffer.from("not a picture") })
  const alert = page.getByRole("alert").filter({ hasText: "cat.jpg: is not a JPEG, PNG, WebP, GIF" })
  await alert.waitFor()
  // The reader is at the last figure.
  const isInSight = (element: Element): boolean => {
    const { top, bottom } = element.getBoundingClientRect()
    return top >= 0 && bottom <= innerHeight
  }
  await expect.poll(() => alert.evaluate(isInSight)).toBe(true)
  await page.getByRole("button", { name: "Other drawings" }).click()
  await ready(page)
})

test("axe finds nothing in light and dark, and nothing overflows at 360 px", async () => {
  await page.setViewportSize({ width: 360, height: 740 })
  for (const id of await steps(page)) await visit(page, id)
  expect(await fits(page)).toBe(true)
  expect(await violationsInBothThemes(page)).toEqual([])
})

test("works offline with all that was used, and says what was not", async () => {
  const languages = [
    ["ja", "Vision Transformer は、どう見ているか"],
    ["ko", "Vision Transformer는 어떻게 보는가"],
    ["en", "How a Vision Transformer sees"],
  ] as const
  const choose = async (language: string, title: string): Promise<void> => {
    await page.getByLabel("Language").or(page.getByLabel("言語")).or(page.getByLabel("언어")).selectOption(language)
    await page.getByRole("heading", { level: 1, name: title }).waitFor()
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(language)
  }
  await page.evaluate(() => navigator.serviceWorker.ready)
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, null, { timeout: 60_000 })
  for (const [language, title] of languages) await choose(language, title)
  await expect.poll(keptFiles).toContain("/model/model.safetensors")
  // The picture that was dropped needed the code that reads photos, and nothing else a room's.
  expect((await keptFiles()).filter((file) => /\.wasm|detector|train-|detect-|inspect-/.test(file))).toEqual([])
  await page.context().setOffline(true)
  await page.reload()
  await ready(page)
  await visit(page, "scores")
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  for (const [language, title] of languages) await choose(language, title)
  expect(reader.faults).toEqual([])
  await page.getByRole("link", { name: "Detect" }).click()
  await page.getByRole("alert").filter({ hasText: "could not be loaded" }).waitFor()
})

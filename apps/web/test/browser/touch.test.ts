import type { CDPSession, Page } from "playwright"
import { afterAll, beforeAll, expect, test } from "vitest"
import { isPainted, ready, visit } from "./guide-page.ts"
import { openSite, type Site } from "./site.ts"

// One reader with a phone: the tests go on where those before ended.
let site: Site
let page: Page
let finger: CDPSession

beforeAll(async () => {
  site = await openSite()
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }
  page = (await site.open("/", { ...phone, reducedMotion: "reduce" })).page
  finger = await page.context().newCDPSession(page)
  await ready(page)
  await visit(page, "patches")
})

afterAll(() => site?.close())

/** The patch that has the mark in the figure of the patches, from 0. */
const markedPatch = (): Promise<number> =>
  page.locator("#patches .patch").evaluateAll((all) => all.findIndex((each) => each.classList.contains("marked")))

/** The middle of one of the sixteen patches, as the page lies in the window. */
async function middleOf(patch: number): Promise<{ x: number; y: number }> {
  const box = await page.locator("#patches .patch-field").boundingBox()
  if (box === null) throw new Error("no patches")
  const place = (index: number): number => (index + 0.5) / 4
  return { x: box.x + place(patch % 4) * box.width, y: box.y + place(Math.floor(patch / 4)) * box.height }
}

/** Moves fingers from where they touch, in twenty steps of a frame each, and lifts them. */
async function drag(fingersAt: (share: number) => readonly { x: number; y: number }[]): Promise<void> {
  const touch = (
    type: "touchStart" | "touchMove" | "touchEnd",
    points: ReturnType<typeof fingersAt>,
  ): Promise<unknown> =>
    finger.send("Input.dispatchTouchEvent", { type, touchPoints: points.map((point, id) => ({ ...point, id })) })
  await touch("touchStart", fingersAt(0))
  for (let step = 1; step <= 20; step++) {
    await touch("touchMove", fingersAt(step / 20))
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
  }
  await touch("touchEnd", [])
}

/** Whether a patch of the figure lies at a place of the window. */
const isPatch = ({ x, y }: { x: number; y: number }): Promise<boolean> =>
  page.evaluate(([left, top]) => document.elementFromPoint(left, top)?.matches("#patches .patch") === true, [
    x,
    y,
  ] as const)

const pageScale = (): Promise<number> => page.evaluate(() => visualViewport?.scale ?? 1)

const scrollTop = (): Promise<number> => page.evaluate(() => scrollY)

/** Waits until the page rests: a tap while it still moves only stops it. */
async function rest(): Promise<void> {
  let last = Number.NaN
  const moved = async (): Promise<number> => {
    const [before, now] = [last, await scrollTop()]
    last = now
    return now - before
  }
  await expect.poll(moved, { interval: 200 }).toBe(0)
}

test("a finger that scrolls over a figure chooses nothing, and one that taps does", async () => {
  await page.locator("#patches .patch-field").scrollIntoViewIfNeeded()
  const [before, top] = [await markedPatch(), await scrollTop()]
  const { x, y } = await middleOf(15)
  expect(before).not.toBe(15)
  await drag((share) => [{ x, y: y - 150 * share }])
  await expect.poll(scrollTop).toBeGreaterThan(top + 50)
  await rest()
  expect(await markedPatch()).toBe(before)
  const place = await middleOf(10)
  await page.touchscreen.tap(place.x, place.y)
  await expect.poll(markedPatch).toBe(10)
})

test("an enlarged matrix is drawn when its window opens", async () => {
  await visit(page, "softmax")
  await page.getByRole("button", { name: "Enlarge: attention weights" }).first().tap()
  await page.getByRole("dialog").waitFor()
  await expect.poll(() => isPainted(page)).toBe(true)
})

/** How far the top of a step is below the top of the window, in CSS pixels. */
const topOf = (reader: Page, id: string): Promise<number> =>
  reader.evaluate((step) => document.getElementById(step)?.getBoundingClientRect().top ?? Number.NaN, id)

test("the contents lead to a step, and stay on it while figures above it are drawn", async () => {
  await page.getByRole("button", { name: "Close", exact: true }).tap()
  const contents = page.getByRole("button", { name: "Contents" })
  await contents.tap()
  await page.getByRole("navigation", { name: "Contents" }).getByText("The class token, taken out").tap()
  await expect.poll(() => contents.getAttribute("aria-expanded")).toBe("false")
  await visit(page, "readout")
  await expect.poll(() => topOf(page, "readout")).toBeCloseTo(112, -1)
  await expect.poll(() => contents.textContent()).toContain("The class token, taken out")
})

test("nothing lies over a control on a small phone", async () => {
  await page.setViewportSize({ width: 360, height: 740 })
  for (const id of ["data", "embed", "softmax", "rows", "repeat", "loss", "hybrid"]) {
    await visit(page, id)
    const covered = await page.locator(`#${id} :is(button, select, input, summary)`).evaluateAll((all) =>
      all.flatMap((control) => {
        const shown = control.closest("label") ?? control
        shown.scrollIntoView({ block: "center", behavior: "instant" })
        const { left, top, width, height } = shown.getBoundingClientRect()
        const [x, y] = [left + width / 2, top + height / 2]
        // A grid of buttons scrolls sideways by itself.
        if (width === 0 || x < 0 || x > innerWidth) return []
        const over = document.elementFromPoint(x, y)
        return over !== null && shown.contains(over) ? [] : [`${shown.outerHTML.slice(0, 80)} under ${over?.className}`]
      }),
    )
    expect(covered, id).toEqual([])
  }
  await page.setViewportSize({ width: 390, height: 844 })
})

test("two fingers enlarge the page where they lie on a figure", async () => {
  await visit(page, "patches")
  // Figures that are drawn late move those below.
  await expect.poll(async () => isPatch(await middleOf(5))).toBe(true)
  const { x, y } = await middleOf(5)
  expect(await pageScale()).toBe(1)
  await drag((share) => [
    { x, y: y - 10 - 100 * share },
    { x, y: y + 10 + 100 * share },
  ])
  await expect.poll(pageScale).toBeGreaterThan(1.5)
})

test("a link to a step opens the page at that step over a slow network", async () => {
  const wide = { viewport: { width: 1280, height: 800 } }
  const { page: reader, close } = await site.open("/icon.svg", wide)
  const network = await reader.context().newCDPSession(reader)
  await network.send("Network.enable")
  const [downloadThroughput, uploadThroughput] = [1.6e6 / 8, 750e3 / 8]
  const conditions = { offline: false, latency: 150, downloadThroughput, uploadThroughput }
  await network.send("Network.emulateNetworkConditions", conditions)
  await reader.goto(`${site.address}/#predict`)
  await ready(reader)
  await visit(reader, "predict")
  await expect.poll(() => topOf(reader, "predict")).toBeCloseTo(72, -1)
  // The contents beside the text follow the reader.
  const link = reader.locator(".rail [aria-current=step]")
  await expect.poll(() => link.getAttribute("href")).toBe("#predict")
  const { y = 0, height = 0 } = (await link.boundingBox()) ?? {}
  expect(y).toBeGreaterThan(0)
  expect(y + height).toBeLessThan(800)
  await reader.getByRole("button", { name: "Next step: The label, back again" }).click()
  await expect.poll(() => topOf(reader, "loss")).toBeCloseTo(72, -1)
  await reader.getByRole("button", { name: "Two-minute tour" }).click()
  await expect.poll(() => topOf(reader, "image")).toBeCloseTo(72, -1)
  await reader.getByRole("region", { name: "Two-minute tour" }).getByRole("button", { name: "Next" }).click()
  await expect.poll(() => topOf(reader, "patches")).toBeCloseTo(72, -1)
  await close()
})

test("a link names a picture, a token, a block, a head and a cell", async () => {
  const { page: reader, close } = await site.open("/?drawing=4.2&token=7&block=2&head=3&cell=0.3.5#softmax")
  await ready(reader)
  await visit(reader, "softmax")
  const readout = reader.locator("#softmax .matrix").first().locator("output")
  await expect
    .poll(() => readout.textContent())
    .toContain("query: patch 3 (row 1, column 3) · key: patch 5 (row 2, column 1)")
  const chosen = await reader.locator("#softmax .segments input:checked + span").allTextContents()
  expect(chosen).toEqual(["2", "3"])
  expect(await reader.locator(".specimen small").textContent()).toBe("patch 7 (row 2, column 3)")
  expect(await reader.locator(".drawing:nth-child(3) input").isChecked()).toBe(true)
  await reader.getByRole("button", { name: "Copy a link to this step" }).click()
  await expect
    .poll(() => reader.evaluate(() => location.search + location.hash))
    .toBe("?drawing=4.2&token=7&block=2&head=3&cell=0.3.5#softmax")
  await close()
})

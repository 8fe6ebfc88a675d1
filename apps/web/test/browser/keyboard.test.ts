import { readFile } from "node:fs/promises"
import type { Page } from "playwright"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ready, steps } from "./guide-page.ts"
import { openSite, type Site, type Visit } from "./site.ts"

// One reader on one page: the second test goes on where the first ended.
let site: Site
let reader: Visit
let page: Page

beforeAll(async () => {
  site = await openSite()
  reader = await site.open("/", { reducedMotion: "reduce" })
  page = reader.page
  await ready(page)
})

afterAll(() => site?.close())

interface Stop {
  readonly step: string | null
  readonly role: string
  readonly name: string
  /** Whether it, or the label that stands for it, is in the window and shows that it has the focus. */
  readonly visible: boolean
}

/**
 * What has the focus; null for the page as a whole. Waits until the figure of its step stands, and the next one's where
 * it is near: figures are drawn when they come near.
 */
const focused = (page: Page): Promise<Stop | null> =>
  page.evaluate(async () => {
    const element = document.activeElement
    if (element === null || element === document.body) return null
    const step = element.closest("section.step")
    const stands = (each: Element): boolean =>
      each.querySelector("[data-stale=false]") !== null && each.querySelector(".waiting") === null
    const isFar = (each: Element): boolean => each.getBoundingClientRect().top > innerHeight + 500
    const steps = Array.from(document.querySelectorAll("section.step"))
    const around = step === null ? [] : steps.slice(steps.indexOf(step)).slice(0, 2)
    while (!around.every((each) => stands(each) || isFar(each)))
      await new Promise((resolve) => requestAnimationFrame(resolve))
    const target = element.closest("label") ?? element
    const box = target.getBoundingClientRect()
    const outlined = [element, target, ...target.querySelectorAll("*")].some((each) => {
      const { outlineStyle, boxShadow } = getComputedStyle(each)
      return outlineStyle !== "none" || boxShadow !== "none"
    })
    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth
    return {
      step: step?.id ?? null,
      role: element.getAttribute("role") ?? element.tagName.toLowerCase(),
      name: (element.getAttribute("aria-label") ?? target.textContent ?? "").trim(),
      visible: inside && outlined && box.width > 0,
    }
  })

/** Goes on with Tab until the focus is on a target. */
async function reach(page: Page, isTarget: (stop: Stop) => boolean, most = 400): Promise<Stop> {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press("Tab")
    const stop = await focused(page)
    if (stop !== null && isTarget(stop)) return stop
  }
  throw new Error(`${most} times Tab, and not reached`)
}

const called =
  (name: string | RegExp) =>
  (stop: Stop): boolean =>
    typeof name === "string" ? stop.name === name : name.test(stop.name)

async function press(page: Page, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key)
}

test("the guide is read, changed and taught by keyboard alone", { timeout: 200_000 }, async () => {
  await press(page, "Tab", "Enter")
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("content")

  // Another drawing: arrows move among the radios of a group.
  await reach(page, ({ step }) => step === "data")
  await press(page, "ArrowRight", "ArrowRight")
  await page.locator(".drawing:nth-child(3) input:checked").waitFor({ state: "attached" })
  await page.locator('[data-state="ready"]').waitFor()

  // Through everything: each figure is reached, and what has the focus is always to be seen.
  const unvisited = new Set(await steps(page))
  const stops: Stop[] = []
  for (;;) {
    await page.keyboard.press("Tab")
    const stop = await focused(page)
    if (stop === null || stop.step === null) break
    stops.push(stop)
    if (!stop.visible) throw new Error(`${stop.step}: ${stop.name} has the focus and is not to be seen`)
    unvisited.delete(stop.step)
  }
  expect(stops.length).toBeGreaterThan(60)
  expect(stops.length).toBeLessThan(90)
  expect([...unvisited]).toEqual([])
  // Each figure with values has one button for them.
  const tables = stops.filter(({ name }) => name.startsWith("Values as a table"))
  expect(tables.length).toBeGreaterThan(25)
  expect(new Set(tables.map(({ step }) => step)).size).toBe(tables.length)

  // The values of a figure as tables, and back.
  await page.evaluate(() => document.querySelector<HTMLElement>("#softmax .segments input")?.focus())
  await press(page, "ArrowRight")
  await page.locator("#softmax .segments label:nth-of-type(2) input:checked").waitFor({ state: "attached" })
  await reach(page, called("Values as a table: Softmax: each row sums to one"))
  await press(page, "Enter")
  const table = page.getByRole("dialog").getByRole("table")
  await expect.poll(() => table.getByRole("row").count()).toBe(18)
  expect(await table.getByRole("columnheader").nth(1).textContent()).toBe("key: patch 1 (row 1, column 1)")
  const shares = await table.getByRole("row").nth(1).getByRole("cell").allTextContents()
  expect(shares.reduce((sum, share) => sum + Number(share.replace("−", "-")), 0)).toBeCloseTo(1, 2)
  await press(page, "Escape")
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0)
  await expect.poll(async () => (await focused(page))?.name).toMatch(/^Values as a table/)

  // A patch is chosen beside the contents.
  await page.evaluate(() => document.querySelector<HTMLElement>(".specimen [role=application]")?.focus())
  await press(page, "Home", "PageUp", "ArrowRight", "Enter")
  await expect.poll(() => page.locator(".specimen .patch.marked").count()).toBe(1)
  expect(await page.locator(".specimen small").textContent()).toBe("patch 2 (row 1, column 2)")
  await page.evaluate(() => document.querySelector<HTMLElement>("#loss select")?.focus())

  await reach(page, called("Take one step"))
  await press(page, "Enter")
  await page.locator("[data-fell]").waitFor()
  expect(reader.faults).toEqual([])
})

test("a model is trained, and looked into, by keyboard alone", { timeout: 200_000 }, async () => {
  await page.locator("a.skip").focus()
  await reach(page, called("Train"))
  await press(page, "Enter")
  await reach(page, called("Steps"))
  await press(page, "Control+a")
  await page.keyboard.type("6")
  await reach(page, called("Pictures a step"))
  await press(page, "Control+a")
  await page.keyboard.type("8")
  await reach(page, called("Train"))
  await press(page, "Enter")
  await page.locator('[data-phase="done"]').waitFor({ timeout: 100_000 })
  await reach(page, called("Compare: shapes"))
  await press(page, "Space")
  await expect.poll(() => page.locator(".runs .plot").count()).toBe(2)
  const downloading = page.waitForEvent("download")
  await reach(page, called("Download: shapes"))
  await press(page, "Enter")
  expect((await downloading).suggestedFilename()).toBe("shapes.zip")

  await reach(page, called("Inspect"))
  await press(page, "Enter")
  await page.locator("#features canvas").first().waitFor({ timeout: 60_000 })
  await page.locator('[data-busy="false"]').waitFor({ state: "attached" })
  await reach(page, called("Picture 1"))
  await press(page, "ArrowRight")
  await page.locator(".shots label:nth-child(2) input:checked").waitFor({ state: "attached" })
  await page.locator('[data-busy="false"]').waitFor({ state: "attached" })
  await reach(page, called(/^block 1, head 1\. /))
  await press(page, "ArrowRight", "ArrowDown")
  await page.getByText("patch 6 (row 2, column 2)").first().waitFor()
  await reach(page, called("block 2, head 3"))
  await press(page, "Enter")
  await page.locator('[aria-label="block 2, head 3"][aria-pressed="true"]').waitFor()
  const saving = page.waitForEvent("download")
  await reach(page, called("Save SVG: How far the heads look"))
  await press(page, "Enter")
  expect((await readFile(await (await saving).path(), "utf8")).startsWith("<svg")).toBe(true)
  expect(reader.faults).toEqual([])
})

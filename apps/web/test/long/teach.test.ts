import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Page } from "playwright"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openSite, type Site, type Visit } from "../browser/site.ts"

/** PNG pictures in a colour, each with other stripes. */
function pictures(page: Page, color: string, count: number): Promise<string[]> {
  return page.evaluate(
    ([color, count]) =>
      Array.from({ length: Number(count) }, (_, i) => {
        const canvas = document.createElement("canvas")
        canvas.width = 40
        canvas.height = 40
        const to = canvas.getContext("2d")
        if (to === null) throw new Error("no canvas")
        to.fillStyle = String(color)
        to.fillRect(0, 0, 40, 40)
        to.fillStyle = "#222"
        for (let k = 0; k <= i; k++) to.fillRect((11 * (k + i)) % 37, (17 * k * (i + 1)) % 31, 9, 5 + i)
        return canvas.toDataURL("image/png").split(",")[1] ?? ""
      }),
    [color, count],
  )
}

const filesOf = (images: readonly string[]): { name: string; mimeType: string; buffer: Buffer }[] =>
  images.map((image, i) => ({ name: `${i}.png`, mimeType: "image/png", buffer: Buffer.from(image, "base64") }))

describe("teaching classes", () => {
  let site: Site
  let visit: Visit
  beforeAll(async () => {
    site = await openSite()
    visit = await site.open("/train/")
  })
  afterAll(() => site.close())

  test("tells two classes apart at once, says how well, and why not with few", async () => {
    const { page } = visit
    const card = (n: number) => page.locator(".teach-card").nth(n)
    await card(0).locator("header input").fill("<b>red</b>")
    await card(0).locator("header input").press("Tab")
    await card(0)
      .locator("input[type=file]")
      .setInputFiles(filesOf(await pictures(page, "#c33", 8)))
    await card(1)
      .locator("input[type=file]")
      .setInputFiles(filesOf(await pictures(page, "#36c", 3)))
    await page.locator("[data-accuracy=none]").waitFor()
    await card(1)
      .locator("input[type=file]")
      .setInputFiles(filesOf((await pictures(page, "#36c", 8)).slice(3)))
    await page.locator("[data-accuracy]:not([data-accuracy=none])").waitFor()
    expect(Number(await page.locator("[data-accuracy]").getAttribute("data-accuracy"))).toBeGreaterThan(0.8)
    await page.locator(".teach-try input[type=file]").setInputFiles(filesOf((await pictures(page, "#c33", 9)).slice(8)))
    await expect.poll(() => page.locator("[data-trial] tr.best th").textContent()).toBe("<b>red</b>")
    expect(visit.faults).toEqual([])
  })

  test("takes back what was removed, and refuses a name that is taken", async () => {
    const { page } = visit
    const count = page.locator(".teach-card").first().locator("header small")
    await page.locator(".teach-card").first().locator(".teach-pictures button").first().click({ force: true })
    await expect.poll(() => count.textContent()).toBe("7 pictures")
    await page.getByRole("button", { name: "Undo" }).click()
    await expect.poll(() => count.textContent()).toBe("8 pictures")
    const name = page.locator(".teach-card").nth(1).locator("header input")
    await name.fill("<b>red</b>")
    await name.press("Tab")
    await expect.poll(() => name.inputValue()).toBe("<b>red</b> 2")
  })

  test("makes a page that opens from the disk and asks for nothing", async () => {
    const { page } = visit
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "A page of your own" }).click(),
    ])
    const path = join(mkdtempSync(join(tmpdir(), "own-")), "index.html")
    await saved.saveAs(path)
    const context = await site.browser.newContext({ offline: true })
    const own = await context.newPage()
    const [requests, faults]: [string[], string[]] = [[], []]
    own.on("request", (request) => requests.push(request.url()))
    own.on("pageerror", ({ message }) => faults.push(message))
    own.on("console", (message) => void (message.type() === "error" && faults.push(message.text())))
    await own.goto(pathToFileURL(path).href)
    await own.locator("#chooser").setInputFiles(filesOf((await pictures(page, "#c33", 9)).slice(8)))
    await expect.poll(() => own.locator("#guesses tr.best th").textContent()).toBe("<b>red</b>")
    expect(await own.locator("b").count()).toBe(0)
    expect(requests).toEqual([pathToFileURL(path).href])
    expect(faults).toEqual([])
    await context.close()
  })
})

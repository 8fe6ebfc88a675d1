// Walks through Teach as a person would, and prints how long it takes from an empty page to a classifier of three classes:
//   node scripts/person.mjs FOLDER [--lang en] [--size 360x740] [--shots FOLDER] [--pictures 20] [--held 50]
// FOLDER has a folder of pictures for each class; the first three are taken. The build must be in dist.
import { mkdirSync, readdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { chromium } from "playwright"
import { preview } from "vite"
import { findChromium } from "../../../tooling/browser/chromium.mjs"

const options = {
  lang: { type: "string", default: "en" },
  size: { type: "string", default: "1280x800" },
  shots: { type: "string" },
  pictures: { type: "string", default: "20" },
  held: { type: "string", default: "30" },
  classes: { type: "string" },
}
const {
  values: { lang, size, shots, pictures, held, classes },
  positionals: [folder],
} = parseArgs({ options, allowPositionals: true })
const names = classes?.split(",") ?? readdirSync(folder).sort().slice(0, 3)
const [width, height] = size.split("x").map(Number)
const server = await preview({ root: new URL("..", import.meta.url).pathname, preview: { port: 0 }, logLevel: "error" })
const executablePath = findChromium()
const browser = await chromium.launch({
  ...(executablePath && { executablePath }),
  args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
})
const context = await browser.newContext({
  locale: lang,
  viewport: { width, height },
  hasTouch: width < 500,
  acceptDownloads: true,
})
const page = await context.newPage()
page.on("pageerror", (error) => console.log("page error:", error.message))
page.on("console", (message) => message.type() === "error" && console.log("console:", message.text()))
const shot = async (name) => {
  if (shots === undefined) return
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: join(shots, `${lang}-${width}-${name}.png`), fullPage: true })
}
/** A person looks, moves the hand and clicks. */
const pause = (ms = 700) => page.waitForTimeout(ms)
try {
  await page.goto(`${server.resolvedUrls.local[0]}train/`)
  const start = performance.now()
  await page.locator(".teach-card").nth(1).waitFor()
  await shot("1-empty")
  const heldOut = []
  for (const [i, name] of names.entries()) {
    if (i >= 2) {
      await page.locator(".teach-cards + .actions > button").first().click()
      await pause()
    }
    const card = page.locator(".teach-card").nth(i)
    await card.locator("header input").click()
    await pause(300)
    await page.keyboard.press("Control+A")
    await page.keyboard.type(name, { delay: 60 })
    await page.keyboard.press("Tab")
    await pause()
    const files = readdirSync(join(folder, name))
      .sort()
      .map((file) => join(folder, name, file))
    await card.locator("input[type=file]").setInputFiles(files.slice(0, Number(pictures)))
    heldOut.push(...files.slice(Number(pictures), Number(pictures) + Number(held)).map((file) => [name, file]))
    await pause(1500)
  }
  await page.locator(`[data-lesson="3"]`).waitFor({ timeout: 60_000 })
  const learned = (performance.now() - start) / 1000
  console.log(`three classes of ${pictures} pictures: ${learned.toFixed(1)} s from the empty page`)
  await page
    .locator(`[data-accuracy]:not([data-accuracy=none])`)
    .waitFor({ timeout: 30_000 })
    .catch(() => {})
  console.log(await page.locator("[data-lesson]").innerText())
  await shot("2-learned")
  let right = 0
  for (const [name, file] of heldOut) {
    const before = await page.locator("[data-trial] .tried canvas").count()
    await page.locator(".teach-try input[type=file]").setInputFiles(file)
    await page
      .waitForFunction(
        (last) => document.querySelector("[data-trial] table")?.textContent !== last,
        before ? await page.locator("[data-trial] table").textContent() : "",
        { timeout: 10_000 },
      )
      .catch(() => {})
    if ((await page.locator("[data-trial] tr.best th").innerText()) === name) right++
  }
  if (heldOut.length > 0) console.log(`of ${heldOut.length} other pictures ${right} are named rightly`)
  await shot("3-tried")
  await page.locator(".teach-card").first().locator(".actions > button").click()
  await pause(1500)
  const hold = page.locator(".hold")
  await hold.dispatchEvent("pointerdown", { pointerId: 1 })
  await pause(1200)
  await hold.dispatchEvent("pointerup", { pointerId: 1 })
  await pause(1500)
  await shot("4-camera")
  if (shots !== undefined) {
    const download = async (button, file) => {
      const [saved] = await Promise.all([page.waitForEvent("download"), button.click()])
      await saved.saveAs(join(shots, file))
    }
    const buttons = page.locator(".teach-side .actions > button")
    await download(page.locator(".teach-side .actions > button.primary"), "index.html")
    await page.locator(".teach-side .choice input").check()
    await shot("5-take")
    await download(buttons.nth(2), "my-model.zip")
    await download(buttons.nth(3), "my-model.onnx")
    const own = await context.newPage()
    const requests = []
    own.on("request", (request) => requests.push(request.url()))
    own.on("console", (message) => console.log("own page:", message.text()))
    own.on("pageerror", (error) => console.log("own page error:", error.message))
    await context.setOffline(true)
    await own.goto(pathToFileURL(resolve(shots, "index.html")).href)
    const [[, first] = []] = heldOut
    if (first !== undefined) {
      const begin = performance.now()
      await own.locator("#chooser").setInputFiles(first)
      await own.locator("#guesses tr.best").waitFor({ timeout: 30_000 })
      console.log(
        `own page: ${((performance.now() - begin) / 1000).toFixed(1)} s, ${requests.length} requests: ${(await own.locator("#guesses").innerText()).replaceAll(/\s+/g, " ")}`,
      )
      await own.screenshot({ path: join(shots, `${lang}-${width}-own.png`), fullPage: true })
    }
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (overflow > 0) console.log(`the page is ${overflow} px too wide`)
} finally {
  await browser.close()
  await server.close()
}

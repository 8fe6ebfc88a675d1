import { createServer } from "node:http"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ready, visit as showsFigure } from "./guide-page.ts"
import { openSite, type Site, type Visit } from "./site.ts"
import { chooseThings } from "./things.ts"
import { pause, phase, stepOf, train } from "./train-page.ts"

describe("a GPU that is taken away", () => {
  let site: Site

  beforeAll(async () => {
    site = await openSite({ gpu: true })
  })

  afterAll(() => site?.close())

  const crash = async (): Promise<void> => {
    const debuggers = await site.browser.newBrowserCDPSession()
    await debuggers.send("Browser.crashGpuProcess")
    await debuggers.detach()
  }

  test("loses nothing in the guide, neither picture nor steps", { timeout: 200_000 }, async () => {
    const { page, close } = await site.open("/", {}, { backend: "webgpu" })
    await ready(page, 100_000)
    await page.locator("#loss").scrollIntoViewIfNeeded()
    const loss = page.locator('#loss [data-tap="loss"]')
    const fell = (): Promise<string | null> => page.locator("[data-fell]").getAttribute("data-fell")
    await page.getByRole("button", { name: "Take one step" }).click()
    await page.locator("[data-fell]").waitFor({ timeout: 100_000 })
    const first = (await fell()) ?? ""
    await ready(page)
    await crash()
    await page.getByRole("button", { name: "Take one step" }).click()
    await expect.poll(fell, { timeout: 100_000 }).not.toBe(first)
    const [before, after] = ((await fell()) ?? "").split(" ").map(Number)
    expect(before).toBeCloseTo(Number(first.split(" ")[1]), 4)
    expect(after).toBeLessThan(Number(before))
    await expect.poll(async () => Number(await loss.textContent())).toBeCloseTo(Number(after), 4)
    expect(await page.getByRole("alert").count()).toBe(0)
    await close()
  })

  test("lets a run go on from its last checkpoint, and says so", { timeout: 300_000 }, async () => {
    const { page, close } = await site.open("/train/", {}, { backend: "webgpu" })
    await chooseThings(page)
    await train(page, { Steps: 5000, "Pictures a step": 4 })
    await expect.poll(() => stepOf(page), { timeout: 100_000 }).toBeGreaterThan(1)
    await pause(page)
    const step = await stepOf(page)
    await page.getByRole("button", { name: "Go on: mine" }).press("Enter")
    await expect.poll(() => stepOf(page), { timeout: 100_000 }).toBeGreaterThan(step)
    await crash()
    const before = await stepOf(page)
    await page.getByRole("alert").filter({ hasText: "goes on from its last checkpoint" }).waitFor({ timeout: 60_000 })
    await expect.poll(() => stepOf(page), { timeout: 100_000 }).toBeGreaterThan(before)
    await close()
  })
})

describe("without", () => {
  let site: Site

  beforeAll(async () => {
    site = await openSite()
  })

  afterAll(() => site?.close())

  /** A worker that begins with a script of ours, as a poorer browser would have it. */
  const patched = async ({ page }: Visit, script: string): Promise<void> => {
    await page.route("**/assets/worker-*.js", async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, body: `${script}\n${await response.text()}` })
    })
    await page.reload()
  }

  /** Memory of WebAssembly that ends where it is as large as this. */
  const cramped = (megabytes: number): string => `{
const { prototype } = WebAssembly.Memory, { grow } = prototype
prototype.grow = function (pages) {
  if (this.buffer.byteLength + pages * 65536 > ${megabytes} * 2 ** 20) throw new RangeError("WebAssembly.Memory.grow(): Maximum memory size exceeded")
  return grow.call(this, pages)
}
}`

  test("memory a run is refused in plain words, and a smaller one trains", { timeout: 300_000 }, async () => {
    const visit = await site.open("/train/")
    const { page, close } = visit
    await patched(visit, cramped(96))
    await page.getByLabel("Size").selectOption("medium")
    await train(page, { Steps: 4, "Pictures a step": 512 })
    await page.getByRole("alert").filter({ hasText: "gave no more memory" }).waitFor({ timeout: 100_000 })
    await page.getByLabel("Size").selectOption("small")
    await chooseThings(page)
    await train(page, { Steps: 4, "Pictures a step": 8 })
    await phase(page, "done")
    await close()
  })

  test("WebAssembly the guide computes, and the rooms say what is missing", async () => {
    const visit = await site.open("/")
    const { page, close } = visit
    await patched(visit, "delete globalThis.WebAssembly")
    await showsFigure(page, "scores")
    await page.getByRole("link", { name: "Inspect" }).click()
    await page.getByRole("alert").filter({ hasText: "WebAssembly" }).waitFor({ timeout: 60_000 })
    await close()
  })

  test("a GPU, who asks for one is offered the CPU", async () => {
    const { page, close } = await site.open("/")
    await page.evaluate(() => localStorage.setItem("backend", "webgpu"))
    await page.reload()
    await page.getByRole("alert").filter({ hasText: "no graphics processor to compute on" }).waitFor()
    await page.getByRole("button", { name: "Compute on the CPU" }).click()
    await ready(page)
    await close()
  })

  test("a camera, or leave to use it, pictures can still be drawn", async () => {
    const refused = await site.open("/train/")
    await refused.page.getByLabel("Draw or photograph").check()
    await refused.page.getByRole("button", { name: "Open the camera" }).click()
    await refused.page.getByRole("alert").filter({ hasText: "The camera cannot be used" }).waitFor()
    await expect.poll(() => refused.page.getByLabel(/Drawing pad/).isVisible()).toBe(true)
    const allowed = await site.open("/train/", { permissions: ["camera"] })
    await allowed.page.getByLabel("Draw or photograph").check()
    await allowed.page.getByRole("button", { name: "Open the camera" }).click()
    await expect
      .poll(() => allowed.page.locator("video").evaluate((video) => (video as HTMLVideoElement).videoWidth))
      .toBeGreaterThan(0)
    await allowed.page.getByRole("button", { name: "Take a photo" }).click()
    await allowed.page.getByText("1 picture", { exact: true }).waitFor()
    expect(allowed.faults).toEqual([])
    await Promise.all([refused.close(), allowed.close()])
  })

  test("its tab a run waits, and goes on in another, but never in two", { timeout: 200_000 }, async () => {
    const { page, close } = await site.open("/train/")
    await chooseThings(page)
    // More steps than are ever taken.
    await train(page, { Steps: 5000, "Pictures a step": 4 })
    await expect.poll(() => stepOf(page), { timeout: 100_000 }).toBeGreaterThan(1)
    await pause(page)
    const step = await stepOf(page)
    await page.getByRole("button", { name: "Go on: mine" }).press("Enter")
    await phase(page, "running")
    const next = await page.context().newPage()
    await next.goto(`${site.address}/train/`)
    await next.getByRole("button", { name: "Go on: mine" }).click()
    await next.getByRole("alert").filter({ hasText: "is being trained in another tab" }).waitFor()
    await page.close()
    await next.reload()
    const kept = Number.parseInt(
      await next
        .getByRole("row", { name: /mine/ })
        .getByText(/^\d+ \/ 5000$/)
        .innerText(),
      10,
    )
    expect(kept).toBeGreaterThanOrEqual(step)
    await next.getByRole("button", { name: "Go on: mine" }).click()
    await expect.poll(() => stepOf(next), { timeout: 100_000 }).toBeGreaterThan(kept)
    await close()
  })
})

describe("in a frame of another site", () => {
  let site: Site

  beforeAll(async () => {
    site = await openSite()
  })

  afterAll(() => site?.close())

  test("the guide is shown, and the rooms with camera and files refuse", async () => {
    const framed = (path: string): string => `<iframe src="${site.address}${path}" width="900" height="700"></iframe>`
    const other = createServer(({ url = "/" }, response) => {
      response.writeHead(200, { "Content-Type": "text/html" }).end(framed(url))
    })
    await new Promise<void>((resolve) => void other.listen(0, "127.0.0.1", resolve))
    const address = other.address()
    const foreign = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
    const page = await site.browser.newPage()
    await page.goto(`${foreign}/`)
    const guide = page.frameLocator("iframe")
    await guide.getByRole("heading", { level: 1, name: "How a Vision Transformer sees" }).waitFor()
    for (const room of ["Train", "Inspect", "Detect"]) {
      await guide.getByRole("navigation").getByRole("link", { name: room }).click()
      await guide.getByRole("alert").filter({ hasText: "does not run inside of another site" }).waitFor()
    }
    for (const room of ["train", "inspect", "detect"]) {
      const refused = page.waitForEvent("console", (message) => message.text().includes("frame-ancestors"))
      await page.goto(`${foreign}/${room}/`)
      await refused
      expect(await page.frameLocator("iframe").getByRole("navigation").count()).toBe(0)
    }
    await page.close()
    other.close()
  })
})

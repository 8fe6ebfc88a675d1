import { afterAll, beforeAll, expect, test } from "vitest"
import { openSite, type Site, type Visit } from "./site.ts"
import { longTask, ownTasks } from "./tasks.ts"
import { chooseThings } from "./things.ts"
import { phase, train as trainOn } from "./train-page.ts"

let site: Site

beforeAll(async () => {
  site = await openSite()
})

afterAll(() => site?.close())

test("no task of the guide's scripts is long, while it loads, scrolls, changes its picture and learns", async () => {
  let visit: Visit | undefined
  const tasks = await ownTasks(site.browser, site.address, async () => {
    visit = await site.open("/")
    const { page } = visit
    await page.locator('[data-state="ready"]').waitFor()
    const height = await page.evaluate(() => document.documentElement.scrollHeight)
    await page.mouse.move(700, 400)
    for (let y = 0; y < height; y += 600) {
      await page.mouse.wheel(0, 600)
      // Figures that come near are drawn, each in a task after this one.
      await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 20)))
    }
    await page.locator(".drawing input").nth(4).check()
    await page.locator('[data-state="ready"]').waitFor()
    // A figure is drawn where its step is near the window.
    await page.locator("#loss").scrollIntoViewIfNeeded()
    await page.getByRole("button", { name: "Take ten" }).click()
    await page.locator("[data-fell]").waitFor()
  })
  expect(tasks.length).toBeGreaterThan(20)
  expect(tasks[0]?.whole).toBeLessThan(await longTask(site.browser))
  await visit?.close()
})

test("nor of the other rooms, while a model trains and one is looked into", async () => {
  const visits: Visit[] = []
  const tasks = await ownTasks(site.browser, site.address, async () => {
    const train = await site.open("/train/")
    visits.push(train)
    await chooseThings(train.page)
    await trainOn(train.page, { Steps: 6, "Pictures a step": 8 })
    await phase(train.page, "done")
    const inspect = await site.open("/inspect/")
    visits.push(inspect)
    await inspect.page.locator("#features canvas").first().waitFor({ timeout: 60_000 })
    await inspect.page.locator('[data-busy="false"]').waitFor({ state: "attached" })
    await inspect.page.locator(".shots input").nth(2).check()
    await inspect.page.locator('[data-busy="false"]').waitFor({ state: "attached" })
  })
  expect(tasks.length).toBeGreaterThan(20)
  expect(tasks[0]?.whole).toBeLessThan(await longTask(site.browser))
  for (const { close } of visits) await close()
})

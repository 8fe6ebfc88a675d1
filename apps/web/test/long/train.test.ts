import { afterAll, beforeAll, expect, test } from "vitest"
import { openSite, type Site } from "../browser/site.ts"
import { phase, stepOf, train } from "../browser/train-page.ts"

let site: Site

beforeAll(async () => {
  site = await openSite()
})

afterAll(() => site?.close())

test("learns the drawings to 90 % and more, across a reload", { timeout: 600_000 }, async () => {
  const { page, faults } = await site.open("/train/")
  await train(page, { Steps: 500 })
  await expect.poll(() => stepOf(page), { timeout: 300_000 }).toBeGreaterThan(25)
  await page.reload()
  await page.getByRole("button", { name: "Go on: shapes" }).click()
  await phase(page, "running")
  expect(await stepOf(page)).toBeGreaterThanOrEqual(25)
  await phase(page, "done", 500_000)
  const top1 = Number.parseFloat((await page.locator('[data-fact="accuracy"]').textContent()) ?? "0")
  expect(top1).toBeGreaterThanOrEqual(90)
  await expect.poll(() => page.locator(".sample").count()).toBe(10)
  await expect.poll(() => page.locator(".sample.right").count()).toBeGreaterThanOrEqual(8)
  expect(faults).toEqual([])
})

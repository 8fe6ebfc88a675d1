import { spawn } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { unzipSync, zipSync } from "fflate"
import type { Page } from "playwright"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openSite, type Site } from "./site.ts"
import { chooseThings } from "./things.ts"
import { violations } from "./violations.ts"

let site: Site

beforeAll(async () => {
  site = await openSite()
})

afterAll(() => site?.close())

const phase = (page: Page, wanted: string, timeout = 30_000): Promise<void> =>
  page.locator(`[data-phase="${wanted}"]`).waitFor({ timeout })

const stepOf = (page: Page): Promise<number> =>
  page.locator("progress").evaluate((bar) => (bar as HTMLProgressElement).value)

async function set(page: Page, fields: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    await page.getByLabel(name, { exact: true }).fill(String(value))
    await page.keyboard.press("Tab")
  }
}

const begin = (page: Page): Promise<void> => page.getByRole("button", { name: "Train", exact: true }).click()

test("learns the drawings to 90 % and more, across a reload", { timeout: 500_000 }, async () => {
  const { page, faults, close } = await site.open("/train/")
  await set(page, { Steps: 500 })
  await begin(page)
  await expect.poll(() => stepOf(page), { timeout: 120_000 }).toBeGreaterThan(55)
  await page.reload()
  await page.getByRole("button", { name: "Go on: shapes" }).click()
  await phase(page, "running", 60_000)
  const resumed = await stepOf(page)
  expect(resumed).toBeGreaterThanOrEqual(50)
  await phase(page, "done", 400_000)
  const accuracy = Number.parseFloat((await page.locator('[data-fact="accuracy"]').textContent()) ?? "0")
  expect(accuracy).toBeGreaterThanOrEqual(90)
  expect(await page.locator(".sample.right").count()).toBeGreaterThanOrEqual(8)
  expect(faults).toEqual([])
  await close()
})

const command = new URL("../../../cli/bin/vitrine.js", import.meta.url).pathname

/** Goes on with a run by the command, some steps, and gives the step where it was interrupted. */
async function resumed(run: string, steps: number): Promise<number> {
  const child = spawn(process.execPath, [command, "train", "--resume", run, "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  let said = ""
  child.stderr.on("data", (text: Buffer) => {
    said += text.toString()
  })
  const losses: number[] = []
  let last = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { type: string; step: number; loss: number }
    if (event.type === "step") losses.push(event.loss)
    if (losses.length === steps && event.type === "step") child.kill("SIGINT")
    if (event.type === "checkpoint") last = event.step
  }
  expect(losses.every(Number.isFinite) && losses.length >= steps, said).toBe(true)
  return last
}

test("exchanges a run with the command in Node, there and back", async () => {
  const { page, faults, close } = await site.open("/train/")
  await set(page, { Steps: 200, "Pictures a step": 16 })
  await begin(page)
  await expect.poll(() => stepOf(page), { timeout: 60_000 }).toBeGreaterThan(5)
  await page.getByRole("button", { name: "Pause" }).click()
  await phase(page, "paused")
  const paused = await stepOf(page)

  const downloading = page.waitForEvent("download")
  await page.getByRole("button", { name: "Download: shapes" }).click()
  const folder = await mkdtemp(join(tmpdir(), "vitrine-web-"))
  for (const [path, bytes] of Object.entries(unzipSync(await readFile(await (await downloading).path())))) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
  const run = join(folder, "shapes")
  const after = await resumed(run, 5)
  expect(after).toBeGreaterThanOrEqual(paused + 5)

  const files: Record<string, Uint8Array> = {}
  for (const entry of await readdir(run, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name)
      files[`back/${path.slice(run.length + 1)}`] = await readFile(path)
    }
  await page
    .locator('.runs input[accept=".zip"]')
    .setInputFiles({ name: "back.zip", mimeType: "application/zip", buffer: Buffer.from(zipSync(files)) })
  await page.getByRole("row", { name: /back/ }).getByText(`${after} / 200`).waitFor()
  await page.getByRole("button", { name: "Go on: back" }).click()
  await expect.poll(() => stepOf(page), { timeout: 60_000 }).toBeGreaterThan(after + 5)
  await page.getByRole("button", { name: "Pause" }).click()
  await phase(page, "paused")
  expect(faults).toEqual([])
  await close()
})

test("learns from pictures in a zip, and from drawings made in the page", async () => {
  const { page, faults, close } = await site.open("/train/")
  await chooseThings(page)
  await set(page, { Steps: 12 })
  await begin(page)
  await phase(page, "done", 60_000)
  expect(await page.locator(".sample").count()).toBe(2)

  await page.getByText("Start from a model of your own").click()
  const weights = await readFile(new URL("../../public/model/model.safetensors", import.meta.url))
  const config = await readFile(new URL("../../public/model/config.json", import.meta.url))
  const own = page.locator('.setup details input[accept*=".safetensors"]')
  const model = { name: "model.safetensors", mimeType: "application/octet-stream", buffer: weights }
  await own.setInputFiles([model])
  await set(page, { Steps: 3, "Heads, where the files do not say": 3 })
  await begin(page)
  await expect.poll(() => stepOf(page), { timeout: 60_000 }).toBe(3)
  await phase(page, "done", 60_000)
  await page.getByRole("button", { name: "Start from nothing" }).click()
  await own.setInputFiles([{ name: "config.json", mimeType: "application/json", buffer: config }, model])
  await page.getByText("Starts from").waitFor()
  await set(page, { Steps: 5 })
  await begin(page)
  await expect.poll(() => stepOf(page), { timeout: 60_000 }).toBe(5)
  await phase(page, "done", 60_000)
  await page.getByRole("button", { name: "Start from nothing" }).click()

  await page.getByLabel("Draw or photograph").check()
  const pad = page.getByLabel(/Drawing pad/)
  for (const name of ["A", "B"]) {
    await page.getByRole("radio", { name: new RegExp(`^${name} `) }).check()
    for (let i = 0; i < 4; i++) {
      const box = await pad.boundingBox()
      if (box === null) throw new Error("no pad")
      await page.mouse.move(box.x + 20 + 5 * i, box.y + 20)
      await page.mouse.down()
      await page.mouse.move(box.x + 20 + 5 * i, box.y + (name === "A" ? 120 : 40))
      await page.mouse.up()
      await page.getByRole("button", { name: "Add drawing" }).click()
    }
  }
  await set(page, { Steps: 4 })
  await begin(page)
  await phase(page, "done", 60_000)
  expect(await page.locator(".sample").count()).toBeGreaterThan(0)
  expect(faults).toEqual([])
  await close()
})

test("says in words what is wrong with files, and that the disk is full, and goes on", async () => {
  const { page, close } = await site.open("/train/")
  await page.getByLabel("Folder or zip").check()
  const zip = page.locator('.setup input[accept=".zip"]').first()
  await zip.setInputFiles({ name: "bad.zip", mimeType: "application/zip", buffer: Buffer.from("PK nothing") })
  await page.getByRole("alert").filter({ hasText: "bad.zip: cannot be unpacked" }).waitFor()
  await page.locator('.runs input[accept=".zip"]').setInputFiles({
    name: "none.zip",
    mimeType: "application/zip",
    buffer: Buffer.from(zipSync({ "a.txt": new Uint8Array(3) })),
  })
  await page.getByRole("alert").filter({ hasText: "they are no run folder" }).waitFor()

  await page.getByLabel("Built-in drawings").check()
  const debuggers = await page.context().newCDPSession(page)
  await debuggers.send("Storage.overrideQuotaForOrigin", { origin: site.address, quotaSize: 100_000 })
  await set(page, { Steps: 30, "Pictures a step": 8 })
  await begin(page)
  await page.getByRole("alert").filter({ hasText: "no more room on the disk" }).waitFor({ timeout: 60_000 })
  await phase(page, "done", 60_000)
  await close()
})

describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
  test("axe finds nothing, and nothing overflows at 360 px", async () => {
    const { page, close } = await site.open("/train/", { colorScheme, viewport: { width: 360, height: 740 } })
    for (const kind of ["Folder or zip", "Draw or photograph", "Built-in drawings"]) {
      await page.getByLabel(kind).check()
      expect(await violations(page)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    }
    await set(page, { Steps: 6, "Pictures a step": 8 })
    await begin(page)
    await phase(page, "done", 60_000)
    expect(await violations(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    await close()
  })
})

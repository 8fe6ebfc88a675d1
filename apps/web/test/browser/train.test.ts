import { spawn } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { unzipSync, zipSync } from "fflate"
import type { Page } from "playwright"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openSite, type Site, type Visit } from "./site.ts"
import { chooseThings, chooseZip } from "./things.ts"
import { fill, pause, phase, stepOf, train } from "./train-page.ts"
import { fits, violationsInBothThemes } from "./violations.ts"

// One reader on one page: the tests go on where those before ended.
let site: Site
let reader: Visit
let page: Page

beforeAll(async () => {
  site = await openSite()
  reader = await site.open("/train/", { reducedMotion: "reduce" })
  page = reader.page
})

afterAll(() => site?.close())

test("learns from pictures in a zip, across a reload", { timeout: 300_000 }, async () => {
  await chooseThings(page)
  await train(page, { Steps: 40, "Pictures a step": 22 })
  // The first checkpoint is that of step 25.
  await expect.poll(() => stepOf(page), { timeout: 100_000 }).toBeGreaterThan(25)
  await page.reload()
  await page.getByRole("button", { name: "Go on: mine" }).click()
  await phase(page, "running")
  expect(await stepOf(page)).toBeGreaterThanOrEqual(25)
  await phase(page, "done", 100_000)
  // A guess by chance costs 0.69.
  expect(Number(await page.locator('[data-fact="loss"]').textContent())).toBeLessThan(0.3)
  await expect.poll(() => page.locator(".sample").count()).toBe(2)
  await page.getByRole("heading", { name: "What it says of pictures it has not seen" }).waitFor()
  await page.getByText("Measured on 2 pictures that it has not seen: too few to tell").waitFor()
  await page.getByText(/The model that is kept is that of step \d+, with \d+/).waitFor()
  expect(reader.faults).toEqual([])
})

/** Trains as many steps as the fields say. */
async function trainToEnd(fields: Readonly<Record<string, number> & { Steps: number }>): Promise<void> {
  await train(page, fields)
  await expect.poll(() => stepOf(page), { timeout: 60_000 }).toBe(fields.Steps)
  await phase(page, "done")
}

const command = new URL("../../../cli/bin/vitrine.js", import.meta.url).pathname

/** Goes on with a run by the command, some steps, and gives the step where it was interrupted. */
async function resumeByCommand(run: string, steps: number): Promise<number> {
  const child = spawn(process.execPath, [command, "train", "--resume", run, "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  let stderr = ""
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString()
  })
  const losses: number[] = []
  let last = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { type: string; step: number; loss: number }
    if (event.type === "step") losses.push(event.loss)
    if (losses.length === steps && event.type === "step") child.kill("SIGINT")
    if (event.type === "checkpoint") last = event.step
  }
  expect(losses.every(Number.isFinite) && losses.length >= steps, stderr).toBe(true)
  return last
}

test("exchanges a run with the command in Node, there and back", async () => {
  await train(page, { Steps: 200, "Pictures a step": 8 })
  await phase(page, "running")
  await expect.poll(() => stepOf(page), { timeout: 60_000 }).toBeGreaterThan(5)
  await pause(page)
  const paused = await stepOf(page)

  const downloading = page.waitForEvent("download")
  await page.getByRole("button", { name: "Download: shapes" }).click()
  const folder = await mkdtemp(join(tmpdir(), "vitrine-web-"))
  for (const [path, bytes] of Object.entries(unzipSync(await readFile(await (await downloading).path())))) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
  const run = join(folder, "shapes")
  const after = await resumeByCommand(run, 5)
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
  await pause(page)
  expect(reader.faults).toEqual([])
})

test("starts from a model of the reader's, and learns from drawings made in the page", async () => {
  await chooseThings(page)
  await page.getByText("Start from a model of your own").click()
  const weights = await readFile(new URL("../../public/model/model.safetensors", import.meta.url))
  const config = await readFile(new URL("../../public/model/config.json", import.meta.url))
  const start = page.locator('.setup details input[accept*=".safetensors"]')
  const model = { name: "model.safetensors", mimeType: "application/octet-stream", buffer: weights }
  await start.setInputFiles([model])
  await trainToEnd({ Steps: 3, "Pictures a step": 8, "Heads, where the files do not say": 3 })
  await page.getByRole("button", { name: "Start from nothing" }).click()
  await start.setInputFiles([{ name: "config.json", mimeType: "application/json", buffer: config }, model])
  await page.getByText("Starts from").waitFor()
  await trainToEnd({ Steps: 5 })
  await page.getByRole("button", { name: "Start from nothing" }).click()

  await page.getByLabel("Draw or photograph").check()
  const pad = page.getByLabel(/Drawing pad/)
  // The keyboard draws too.
  await pad.focus()
  for (const key of ["Space", "Shift+ArrowRight", "Space"]) await page.keyboard.press(key)
  const middle = await pad.evaluate((canvas) => {
    if (!(canvas instanceof HTMLCanvasElement)) return null
    const { data } = canvas.getContext("2d")?.getImageData(canvas.width / 2 + 6, canvas.height / 2, 1, 1) ?? {}
    return data?.[0]
  })
  expect(middle).toBeLessThan(40)
  await page.getByRole("button", { name: "Clear" }).click()
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
  await trainToEnd({ Steps: 4 })
  await page.locator(".sample").first().waitFor()
  // Four of a class are too few to hold some out.
  await page.getByRole("heading", { name: "What it says of the pictures it learns from" }).waitFor()
  expect(reader.faults).toEqual([])
})

/** The settings of a run of the disk. */
async function recipeOf(run: string): Promise<{ batchSize: number; config: { imageSize: readonly number[] } }> {
  const downloading = page.waitForEvent("download")
  await page.getByRole("button", { name: `Download: ${run}`, exact: true }).click()
  const files = unzipSync(await readFile(await (await downloading).path()))
  const { vitrine } = JSON.parse(new TextDecoder().decode(files[`${run}/config.json`])) as {
    vitrine: { recipe: { training: { batchSize: number }; batchSize: number; config: { imageSize: number[] } } }
  }
  return { batchSize: vitrine.recipe.batchSize ?? vitrine.recipe.training.batchSize, config: vitrine.recipe.config }
}

test("reads pictures again at the size that is chosen after them", async () => {
  await chooseThings(page)
  await page.getByLabel("Resolution").selectOption("48 × 48")
  await page.getByText("things: 22 pictures to learn from").waitFor()
  await page.getByLabel("Name of the run").fill("larger")
  await trainToEnd({ Steps: 2, "Pictures a step": 64 })
  const { batchSize, config } = await recipeOf("larger")
  expect(batchSize).toBe(22)
  expect(config.imageSize).toEqual([48, 48])
  await page.getByLabel("Resolution").selectOption("32 × 32")
})

test("trains on nothing where the last folder cannot be read, nor on pictures that were drawn before", async () => {
  const zip = page.locator('.setup input[accept=".zip,.parquet"]').first()
  const bomb = Buffer.from(zipSync({ "a/b.png": new Uint8Array(9) }))
  bomb.writeUInt32LE(2 ** 27, bomb.indexOf("PK\x01\x02", 0, "latin1") + 24)
  await zip.setInputFiles({ name: "bomb.zip", mimeType: "application/zip", buffer: bomb })
  await page.getByRole("alert").filter({ hasText: "bomb.zip: unpacks to more than" }).waitFor()
  await zip.setInputFiles({ name: "bad.zip", mimeType: "application/zip", buffer: Buffer.from("PK nothing") })
  await page.getByRole("alert").filter({ hasText: "bad.zip: cannot be unpacked" }).waitFor()
  await train(page, { Steps: 2 })
  await page.getByRole("alert").filter({ hasText: "no pictures have been read" }).waitFor()
})

test("says that pictures are those it learns from where none are held out, and the truth beside a wrong guess", async () => {
  await chooseZip(page, "two.zip", (path) => `two/${path.split("/")[0]}/1.png`)
  await page.getByText("two: 2 pictures to learn from").waitFor()
  await trainToEnd({ Steps: 1, "Pictures a step": 2 })
  await page
    .getByRole("heading", { name: "What it says of the pictures it learns from, for none are held out" })
    .waitFor()
  const wrong = page.locator(".sample.wrong")
  const told = await wrong.locator("small").allTextContents()
  expect(told.length).toBe(await wrong.count())
  for (const text of told) expect(text).toMatch(/box|line/)
})

test("takes the classes from the folders, and nothing else for a class", async () => {
  await chooseZip(page, "flat.zip", (path) => `flat/${path.replace("/", "-")}`)
  await page.getByRole("alert").filter({ hasText: 'all its images are of one class, "flat"' }).waitFor()
  await chooseZip(page, "loose.zip", (path) => path)
  await page.getByText("loose: 22 pictures to learn from, 2 to test on, 2 classes.").waitFor()
})

test("leaves out a picture that cannot be read and files that are none, and says which", async () => {
  await chooseZip(page, "torn.zip", (path) => `torn/${path}`, {
    "torn/box/torn.jpg": Buffer.from("no picture"),
    "torn/labels.csv": Buffer.from("file,label"),
  })
  await page.getByText("torn: 22 pictures to learn from, 2 to test on, 2 classes.").waitFor()
  await page.getByText("One picture cannot be read and is left out: torn/box/torn.jpg: is not a JPEG").waitFor()
  await page.getByText("Not used: 1 .csv files, such as torn/labels.csv.").waitFor()
})

test("reads Parquet with its labels, and says what is not used", async () => {
  const file = await readFile(new URL("../../../../tooling/golden/files/parquet/nulls-zstd.parquet", import.meta.url))
  await page.locator('.setup input[accept=".zip,.parquet"]').setInputFiles([
    { name: "things.parquet", mimeType: "", buffer: file },
    { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("none") },
  ])
  await page.getByText("things.parquet: 18 pictures to learn from, 3 to test on, 3 classes.").waitFor()
  const rows = "2 rows of things.parquet without an image, such as row 3; 1 rows of things.parquet without a label"
  await page.getByText(`Not used: ${rows}, such as row 5; 1 files beside Parquet, such as notes.txt.`).waitFor()
  await chooseZip(page, "torn.zip", (path) => `torn/${path}`)
  await page.getByText("torn: 22 pictures to learn from").waitFor()
})

test("keeps the reader's choices while another room is visited", async () => {
  await fill(page, { Steps: 7 })
  await page.getByRole("link", { name: "Guide" }).click()
  await page.getByRole("heading", { level: 1, name: "How a Vision Transformer sees" }).waitFor()
  await page.getByRole("link", { name: "Train" }).click()
  await expect.poll(() => page.getByLabel("Steps", { exact: true }).inputValue()).toBe("7")
  await page.getByText("torn: 22 pictures to learn from").waitFor()
})

test("says in words what is wrong with files", async () => {
  await page.locator('.runs input[accept=".zip"]').setInputFiles({
    name: "none.zip",
    mimeType: "application/zip",
    buffer: Buffer.from(zipSync({ "a.txt": new Uint8Array(3) })),
  })
  await page.getByRole("alert").filter({ hasText: "they are no run folder" }).waitFor()
})

test("axe finds nothing in light and dark, and nothing overflows at 360 px", async () => {
  await page.setViewportSize({ width: 360, height: 740 })
  for (const kind of ["Built-in drawings", "Draw or photograph", "Folder or zip"]) {
    await page.getByLabel(kind).check()
    expect(await violationsInBothThemes(page)).toEqual([])
    expect(await fits(page)).toBe(true)
  }
})

test("says that the disk is full, and goes on", async () => {
  await chooseThings(page)
  await fill(page, { Steps: 30, "Pictures a step": 8 })
  const debuggers = await page.context().newCDPSession(page)
  const { usage } = await debuggers.send("Storage.getUsageAndQuota", { origin: site.address })
  // Room for the pictures, and for no checkpoint.
  const quotaSize = usage + 200_000
  await debuggers.send("Storage.overrideQuotaForOrigin", { origin: site.address, quotaSize })
  await page.getByRole("button", { name: "Train", exact: true }).click()
  await page.getByRole("alert").filter({ hasText: "no more room on the disk" }).waitFor({ timeout: 60_000 })
  await phase(page, "done")
})

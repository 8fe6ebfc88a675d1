import { readFile } from "node:fs/promises"
import { unzipSync } from "fflate"
import { afterAll, beforeAll, expect, test } from "vitest"
import { drawn, expectSame, openReferenceDetector, rows, settled } from "./detect-page.ts"
import { compare } from "./guide-page.ts"
import { openReference } from "./reference.ts"
import { openSite, type Site } from "./site.ts"

let site: Site

beforeAll(async () => {
  site = await openSite({ gpu: true })
})

afterAll(() => site?.close())

/** The losses of a run of 20 steps on a backend, from the folder that the page gives. */
async function losses(backend: string): Promise<number[]> {
  const { page, faults, close } = await site.open("/train/", {}, { backend })
  for (const [name, value] of Object.entries({ Steps: 20, "Pictures a step": 8 })) {
    await page.getByLabel(name, { exact: true }).fill(String(value))
    await page.keyboard.press("Tab")
  }
  await page.getByRole("button", { name: "Train", exact: true }).click()
  await page.locator('[data-phase="done"]').waitFor({ timeout: 200_000 })
  const downloading = page.waitForEvent("download")
  await page.getByRole("button", { name: "Download: shapes" }).click()
  const files = unzipSync(await readFile(await (await downloading).path()))
  expect(faults).toEqual([])
  await close()
  const lines = new TextDecoder().decode(files["shapes/metrics.jsonl"]).trim().split("\n")
  return lines.flatMap((line) => {
    const event = JSON.parse(line) as { type: string; loss: number }
    return event.type === "step" ? [event.loss] : []
  })
}

test("the guide draws the same on a GPU", { timeout: 400_000 }, async () => {
  const { page, faults, close } = await site.open("/", {}, { backend: "webgpu" })
  await page.locator('[data-state="ready"]').waitFor({ timeout: 100_000 })
  expect(await page.locator("[data-state]").textContent()).toContain("WebGPU")
  expect(await compare(page, await openReference())).toBeGreaterThanOrEqual(20)
  expect(faults).toEqual([])
  await close()
})

test("the other room sees the same on a GPU", { timeout: 240_000 }, async () => {
  const seen: string[] = []
  for (const backend of ["webgpu", "onnx-web"]) {
    const { page, faults, close } = await site.open("/inspect/?drawing=5.60", {}, { backend })
    await page.locator("#features canvas").first().waitFor({ timeout: 150_000 })
    await page.locator('[data-busy="false"]').waitFor({ state: "attached", timeout: 60_000 })
    seen.push(await page.locator('[data-tap="predictions-a"]').innerText())
    expect(faults).toEqual([])
    await close()
  }
  expect(seen[0]).toContain("heart")
  expect(seen[0]).toBe(seen[1])
})

test("a detector finds on a GPU what the reference finds", { timeout: 240_000 }, async () => {
  const { page, faults, close } = await site.open("/detect/?scene=7", {}, { backend: "webgpu" })
  await settled(page)
  const reference = await openReferenceDetector()
  expectSame(await rows(page), await reference.detect(await drawn.read(6), { threshold: 0 }), reference.labels, 0.5)
  await reference.close()
  expect(faults).toEqual([])
  await close()
})

test("twenty steps have the same losses on a GPU", { timeout: 450_000 }, async () => {
  const [gpu, cpu] = [await losses("webgpu"), await losses("onnx-web")]
  expect(gpu.length).toBe(20)
  for (const [i, loss] of gpu.entries())
    expect(Math.abs(loss / (cpu[i] as number) - 1), `step ${i + 1}`).toBeLessThan(1e-4)
})

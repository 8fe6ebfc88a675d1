import { readFile } from "node:fs/promises"
import { unzipSync } from "fflate"
import { afterAll, beforeAll, expect, test } from "vitest"
import { compare, ready } from "../browser/guide-page.ts"
import { openSite, type Site } from "../browser/site.ts"
import { chooseThings } from "../browser/things.ts"
import { phase, train } from "../browser/train-page.ts"

let site: Site

beforeAll(async () => {
  site = await openSite({ gpu: true })
})

afterAll(() => site?.close())

/** The losses of a run of 8 steps on a backend, from the folder that the page gives. */
async function losses(backend: string): Promise<number[]> {
  const { page, faults, close } = await site.open("/train/", {}, { backend })
  await chooseThings(page)
  await train(page, { Steps: 8, "Pictures a step": 8 })
  await phase(page, "done", 200_000)
  const downloading = page.waitForEvent("download")
  await page.getByRole("button", { name: "Download: mine" }).click()
  const files = unzipSync(await readFile(await (await downloading).path()))
  expect(faults).toEqual([])
  await close()
  const lines = new TextDecoder().decode(files["mine/metrics.jsonl"]).trim().split("\n")
  return lines.flatMap((line) => {
    const event = JSON.parse(line) as { type: string; loss: number }
    return event.type === "step" ? [event.loss] : []
  })
}

test("the guide draws the same on a GPU", { timeout: 400_000 }, async () => {
  const { page, faults, close } = await site.open("/", {}, { backend: "webgpu" })
  await ready(page, 100_000)
  expect(await page.locator("[data-state]").textContent()).toContain("WebGPU")
  expect(await compare(page, "guide-drawing")).toBeGreaterThanOrEqual(20)
  expect(faults).toEqual([])
  await close()
})

test("eight steps have the same losses on a GPU", { timeout: 450_000 }, async () => {
  const [gpu, cpu] = [await losses("webgpu"), await losses("onnx-web")]
  expect(gpu.length).toBe(8)
  for (const [i, loss] of gpu.entries()) expect(Math.abs(loss / Number(cpu[i]) - 1), `step ${i + 1}`).toBeLessThan(1e-4)
})

import { afterAll, beforeAll, expect, test } from "vitest"
import { drawn, expectSame, openReferenceDetector, rows, settled } from "./detect-page.ts"
import { expectPredictions, settled as inspectSettled } from "./inspect-page.ts"
import { openSite, type Site } from "./site.ts"

let site: Site

beforeAll(async () => {
  site = await openSite({ gpu: true })
})

afterAll(() => site?.close())

test("the other room sees the same on a GPU", { timeout: 240_000 }, async () => {
  const { page, faults, close } = await site.open("/inspect/?drawing=5.60", {}, { backend: "webgpu" })
  await inspectSettled(page, 150_000)
  await expectPredictions(page, 5, 60)
  expect(faults).toEqual([])
  await close()
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

import { expect, test } from "vitest"
import { parseCoco, resolveDetection } from "../src/node.ts"
import { parseVoc } from "../src/voc.ts"
import { coco, folder, voc } from "./folder.ts"

const ignore = (): void => {}
const xml = (depth: number): string =>
  voc([["dog", 1, 2, 11, 22]]).replace("<object>", `${"<a b='c'>".repeat(depth)}<d/>${"</a>".repeat(depth)}<object>`)

test("JSON and XML are read 64 levels deep", () => {
  const nested = (depth: number): string =>
    coco(["a.png"], [[1, 0, 7, [1, 2, 3, 4], { more: 0 }]]).replace(
      '"more":0',
      `"more":${"[".repeat(depth)}${"]".repeat(depth)}`,
    )
  expect(parseCoco(nested(61), "a.json", ignore).images[0]?.objects.labels).toHaveLength(1)
  for (const depth of [62, 5000])
    expect(() => parseCoco(nested(depth), "a.json", ignore)).toThrow("a.json: is nested more than 64 deep")
  expect(parseVoc(xml(63), "a.xml", ignore).objects).toHaveLength(1)
  for (const depth of [64, 5000])
    expect(() => parseVoc(xml(depth), "a.xml", ignore)).toThrow("a.xml: is not XML of at most 64 levels")
})

test("an annotation of VOC has up to 1 MiB, and a list may name an image again and again", async () => {
  const object = voc([["dog", 1, 2, 11, 22]])
  const files = {
    "a.png": "image",
    "b.png": "image",
    "Annotations/a.xml": object,
    "Annotations/b.xml": object.padEnd(2 ** 20 + 1),
    "ImageSets/Main/train.txt": "a\n".repeat(20_000) + "b\n",
  }
  const { train, faults } = await resolveDetection(await folder(files), { valFraction: 0 })
  expect([train?.kind, faults.count]).toEqual(["annotated", 1])
  expect(faults.lines[0]).toMatch(/b\.xml: is 1048577 bytes; up to 1048576 are read; left out$/)
})

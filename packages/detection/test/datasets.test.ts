import { absolutePaths } from "@vitrine/data/internal/node"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import {
  type AnnotatedSource,
  createDetectionLoader,
  type DetectionSource,
  openDetection,
  type ResolvedDetection,
  resolveDetection,
} from "../src/node.ts"
import { coco, folder, packed, voc } from "./folder.ts"

const annotated = (source: DetectionSource | null): AnnotatedSource => source as AnnotatedSource
const count = (source: DetectionSource | null): number | undefined =>
  source?.kind === "annotated" ? source.objects.length : undefined
const boxes = (source: DetectionSource | null): number[][] => annotated(source).objects.map(({ boxes }) => [...boxes])

function pathsOf(source: DetectionSource | null): readonly string[] {
  const { images } = annotated(source)
  if (images.kind === "parquet") return images.files.map(({ path }) => path)
  return images.kind === "files" ? [...absolutePaths(images)] : images.names
}

describe("COCO", () => {
  const two = ["a.png", "b.png"]
  const good = [
    [1, 0, 7, [1, 2, 10, 20]],
    [2, 1, 3, [0, 0, 40, 30], { area: 600.5, iscrowd: 1 }],
  ] as const

  test("boxes become corners, categories follow their ids, areas and crowds are kept", async () => {
    const root = await folder({
      "annotations.json": coco(two, good),
      "pictures/a.png": "image",
      "pictures/b.png": "image",
    })
    for (const path of [root, packed(root), join(root, "annotations.json")]) {
      const { train, val, test: none, classes, faults } = await resolveDetection(path, { valFraction: 0 })
      expect([classes, val, none, faults.count]).toEqual([["cat", "dog"], null, null, 0])
      expect(boxes(train)).toEqual([
        [1, 2, 11, 22],
        [0, 0, 40, 30],
      ])
      const [first, second] = annotated(train).objects
      expect([...(first?.labels ?? []), ...(second?.labels ?? [])]).toEqual([1, 0])
      expect([first?.areas[0], second?.areas[0], first?.crowd[0], second?.crowd[0]]).toEqual([200, 600.5, 0, 1])
      const dataset = await openDetection(annotated(train))
      expect((await dataset.read(1)).width).toBe(40)
      expect(dataset.describe(1)).toMatch(/b\.png$/)
      await dataset.close?.()
    }
  })

  test("files for train and val, as COCO and others lay them out", async () => {
    const standard = await folder({
      "annotations/instances_train2017.json": coco(["a.png"], [[1, 0, 3, [1, 1, 5, 5]]]),
      "annotations/instances_val2017.json": coco(["b.png"], [[1, 0, 3, [2, 2, 5, 5]]]),
      "annotations/captions_train2017.json": "[]",
      "train2017/a.png": "image",
      "val2017/b.png": "image",
    })
    const first = await resolveDetection(standard)
    expect([count(first.train), count(first.val)]).toEqual([1, 1])
    const beside = await folder({
      "train/_annotations.coco.json": coco(["a.png"], [[1, 0, 3, [1, 1, 5, 5]]]),
      "train/a.png": "image",
      "valid/_annotations.coco.json": coco(["a.png"], [[1, 0, 3, [2, 2, 5, 5]]]),
      "valid/a.png": "image",
      "test/_annotations.coco.json": coco(["a.png"], []),
      "test/a.png": "image",
    })
    const second = await resolveDetection(beside)
    expect([boxes(second.train), boxes(second.val), boxes(second.test)]).toEqual([[[1, 1, 6, 6]], [[2, 2, 7, 7]], [[]]])
    expect(pathsOf(second.val)).toEqual([join(beside, "valid/a.png")])
  })

  test("images say their split, or a part is held out by the seed", async () => {
    const names = Array.from({ length: 20 }, (_, i) => `${i}.png`)
    const files = Object.fromEntries(names.map((name) => [name, "image"]))
    const images = names.map((file_name, id) => ({
      id,
      file_name,
      width: 40,
      height: 30,
      split: id < 4 ? "val" : "train",
    }))
    const told = await resolveDetection(await folder({ ...files, "annotations.json": coco([], [], { images }) }))
    expect([count(told.train), count(told.val)]).toEqual([16, 4])
    const root = await folder({ ...files, "annotations.json": coco(names, []) })
    const held = async (seed: number): Promise<readonly string[]> =>
      pathsOf((await resolveDetection(root, { seed, valFraction: 0.2 })).val)
    expect(await held(1)).toHaveLength(4)
    expect(await held(1)).toEqual(await held(1))
    expect(await held(1)).not.toEqual(await held(2))
  })

  test("what cannot be used is passed over by name, and the rest survives", async () => {
    const bad = [
      ...good,
      [3, 0, 7, [5, 5, 0, 0]],
      [4, 0, 7, [5, 5, -3, 2]],
      [5, 0, 7, [30, 20, 100, 5]],
      [6, 0, 7, [50, 50, 5, 5]],
      [7, 0, 7, [1, null, 5, 5]],
      [8, 0, 7, "5,5,1,1"],
      [9, 0, 99, [1, 1, 2, 2]],
      [10, 55, 7, [1, 1, 2, 2]],
      [1, 0, 7, [1, 1, 2, 2]],
      [12, 0, 7, [1, 1, 2]],
      [13, 0, 7, [1e308, 1, 1e308, 2]],
      [14, 0, 7],
    ] as unknown as typeof good
    const annotations = JSON.parse(coco([...two, "missing.png"], bad)) as { images: unknown[]; annotations: unknown[] }
    annotations.images.push(null, { id: 0, file_name: "b.png", width: 1, height: 1 }, { id: 9, file_name: 4 })
    annotations.images.push(
      { id: 10, file_name: "b.png", width: -1, height: 1 },
      { id: 11, file_name: "../../a.png", width: 40, height: 30 },
    )
    annotations.annotations.push(null, 5)
    const root = await folder({ "annotations.json": JSON.stringify(annotations), "a.png": "image", "b.png": "image" })
    const { train, faults } = await resolveDetection(root, { valFraction: 0 })
    expect(boxes(train)[0]).toEqual([1, 2, 11, 22, 30, 20, 40, 25])
    const told = faults.lines.join("\n")
    for (const line of [
      "annotation 3 of a.png: its box, corners [5,5,5,5], has no area; left out",
      "annotation 4 of a.png: its box, corners [5,5,2,7], has no area; left out",
      "annotation 5 of a.png: its box, corners [30,20,130,25], reaches out of the image of 40×30; cut",
      "annotation 6 of a.png: its box, corners [50,50,55,55], lies outside of the image of 40×30; left out",
      "annotation 7 of a.png: its box [1,null,5,5] is not four finite numbers; left out",
      "annotation 8 of a.png: its bbox is a string, not a list; left out",
      "annotation 9 of a.png: there is no category 99; left out",
      "annotation 10: there is no image 55; left out",
      "annotation 1 of a.png: its id is another annotation's; left out",
      "annotation 12 of a.png: its box [1,1,2] is not four finite numbers; left out",
      "annotation 13 of a.png: its box",
      "annotation 14 of a.png: its bbox is missing, not a list; left out",
      'image missing.png: there is no image "missing.png"; left out',
      "image b.png: its id 0 is another image's; left out",
      "image 5: needs an id and a file_name",
      "image b.png: its size is [-1,1]; left out",
    ])
      expect(told).toContain(line)
    expect(faults.count).toBe(faults.lines.length)
  })

  test.each([
    ["nothing", "", "is not JSON"],
    ["a list", "[]", "it has no object around images"],
    ["no images", '{"annotations": [], "categories": []}', 'its field "images" is missing, not a list'],
    ["no categories", coco(two, [], { categories: [] }), "has no categories"],
    [
      "an unnamed category",
      coco(two, [], { categories: [{ id: 1 }] }),
      'category 0 needs a whole number as id and a name, got {"id":1}',
    ],
    [
      "two categories of one id",
      coco(two, [], {
        categories: [
          { id: 1, name: "a" },
          { id: 1, name: "b" },
        ],
      }),
      "two categories have the id 1",
    ],
    [
      "two categories of one name",
      coco(two, [], {
        categories: [
          { id: 1, name: "a" },
          { id: 2, name: "a" },
        ],
      }),
      'two categories are called "a"',
    ],
    ["deep lists", "[".repeat(200_000), "is nested more than 64 deep"],
    [
      "no usable image",
      coco(["x.png"], []),
      'none of its annotations can be used: annotations.json, image x.png: there is no image "x.png"',
    ],
  ])("%s is an error of one line", async (_, text, message) => {
    const error = await resolveDetection(await folder({ "annotations.json": text, "a.png": "image" })).catch(
      (e: Error) => e,
    )
    expect((error as Error).name).toBe("VitrineError")
    expect((error as Error).message).toContain(message)
    expect((error as Error).message).not.toContain("\n")
  })

  test("files whose categories differ are refused", async () => {
    const other = coco(["a.png"], [], { categories: [{ id: 1, name: "cow" }] })
    const root = await folder({
      "instances_train.json": coco(["a.png"], []),
      "instances_val.json": other,
      "a.png": "image",
    })
    await expect(resolveDetection(root)).rejects.toThrow("the categories of instances_val.json are not those of")
  })
})

describe("Pascal VOC", () => {
  test("lists say the splits; what is difficult is a crowd", async () => {
    const root = await folder({
      "VOC/Annotations/1.xml": voc([["dog", 1, 2, 11, 22]]),
      "VOC/Annotations/2.xml": voc([["cat", 0, 0, 40, 30]], "<difficult>1</difficult>"),
      "VOC/Annotations/3.xml": voc([["cat", 0, 0, 40, 30]]),
      "VOC/ImageSets/Main/train.txt": "1\r\n",
      "VOC/ImageSets/Main/val.txt": "2\n9\n",
      "VOC/ImageSets/Main/trainval.txt": "1\n2\n",
      "VOC/JPEGImages/1.png": "image",
      "VOC/JPEGImages/2.png": "image",
      "VOC/JPEGImages/3.png": "image",
    })
    for (const path of [root, packed(root)]) {
      const found = await resolveDetection(path)
      expect(found.classes).toEqual(["cat", "dog"])
      expect([boxes(found.train), boxes(found.val), found.test]).toEqual([[[1, 2, 11, 22]], [[0, 0, 40, 30]], null])
      expect(annotated(found.val).objects[0]?.crowd[0]).toBe(1)
      expect(found.faults.lines).toEqual([
        expect.stringMatching(/val\.txt: there is no annotation ".*Annotations\/9\.xml"; left out/),
      ])
    }
  })

  test("without lists, folders say them", async () => {
    const root = await folder({
      "train/a.xml": voc([["dog", 1, 2, 11, 22]]),
      "train/a.png": "image",
      "test/a.xml": voc([["dog", 5, 2, 11, 22]]),
      "test/a.png": "image",
    })
    const { train, val, test: tested } = await resolveDetection(root)
    expect([boxes(train), val, boxes(tested)]).toEqual([[[1, 2, 11, 22]], null, [[5, 2, 11, 22]]])
  })

  test("what cannot be used is passed over by name", async () => {
    const entities = Array.from({ length: 9 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`).join("")
    const root = await folder({
      "a.xml": voc([
        ["dog", 5, 5, 5, 5],
        ["dog", 1, 2, "NaN", 4],
        ["dog", 1, 2, "x", 4],
        ["", 1, 2, 3, 4],
        ["dog", -5, 2, 10, 4],
        ["dog", 1, 2, 11, 22],
      ]),
      "a.png": "image",
      "b.xml": "<annotation><size><width>40</width></size></annotation>",
      "b.png": "image",
      "c.xml": "<annotation><size>",
      "d.xml": "<html></html>",
      "e.xml": `<!DOCTYPE annotation [<!ENTITY e0 "ha">${entities}]><annotation><filename>&e9;</filename></annotation>`,
      "f.xml": voc([["dog", 1, 2, 11, 22]]),
      "g.xml": `${"<a>".repeat(50_000)}${"</a>".repeat(50_000)}`,
      "h.xml": "\xff\xfe<annotation/>",
    })
    const { train, faults } = await resolveDetection(root, { valFraction: 0 })
    expect(boxes(train)).toEqual([[0, 2, 10, 4, 1, 2, 11, 22]])
    const told = faults.lines.join("\n")
    for (const line of [
      "a.xml, object 0 (dog): its box, corners [5,5,5,5], has no area; left out",
      "a.xml, object 1 (dog): its box [1,2,null,4] is not four finite numbers; left out",
      "a.xml, object 3: has no name; left out",
      "(dog): its box, corners [-5,2,10,4], reaches out of the image of 40×30; cut",
      "b.xml: does not say the width and height of its image in <size>; left out",
      "c.xml: is not XML",
      "d.xml: is not a Pascal VOC annotation: its root is <html>, not <annotation>; left out",
      "e.xml: is not XML",
      'f.xml: there is no image "elsewhere.png"; left out',
      "g.xml: is not",
      "h.xml: is not",
    ])
      expect(told).toContain(line)
  })
})

test("worker threads of the built package make the same batches", () => {
  const script = `
    import { createHash } from "node:crypto"
    import { createDetectionLoader, detectionTraining } from ${JSON.stringify(new URL("../dist/node.js", import.meta.url))}
    const source = { kind: "scenes", split: "train", size: 10 }
    for (const workers of [0, 2]) {
      const hash = createHash("sha256")
      const options = { source, workers, batchSize: 4, imageSize: [48, 64], transforms: detectionTraining([48, 64]), shuffle: true, epochs: 2 }
      for await (const { images, mask, targets, sizes, examples } of await createDetectionLoader(options)) {
        for (const part of [images, mask, examples]) hash.update(part)
        hash.update(JSON.stringify([targets, sizes]))
      }
      console.log(hash.digest("hex"))
    }`
  const printed = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })
  const [here, there] = printed.trim().split("\n")
  expect(here).toMatch(/^[0-9a-f]{64}$/)
  expect(there).toBe(here)
})

test("the annotations' size is checked against the image, when it is read", async () => {
  const images = [{ id: 0, file_name: "a.png", width: 640, height: 480 }]
  const root = await folder({ "annotations.json": coco([], [], { images }), "a.png": "image" })
  const { train } = await resolveDetection(root, { valFraction: 0 })
  const loader = createDetectionLoader({ source: annotated(train), batchSize: 1, imageSize: [32, 32], epochs: 1 })
  const drain = async (): Promise<void> => {
    for await (const _ of await loader);
  }
  await expect(drain()).rejects.toThrow(/a\.png: is 40×30, its annotations are for 640×480/)
})

test("what is no data set is named, and the built-in scenes need none", async () => {
  await expect(resolveDetection("/nowhere")).rejects.toThrow(
    '/nowhere: no such file or folder, and the built-in data are called "scenes"',
  )
  await expect(resolveDetection(await folder({ "a.png": "image" }))).rejects.toThrow("holds neither COCO annotations")
  const both = await folder({ "a.png": "image", "a.xml": voc([]) })
  await expect(resolveDetection(both, { format: "coco" })).rejects.toThrow("holds no COCO annotations")
  const { train, val }: ResolvedDetection = await resolveDetection("scenes", { seed: 4, imageSize: [64, 64] })
  expect(train).toEqual({ kind: "scenes", split: "train", size: 20_000, seed: 4, imageSize: [64, 64] })
  expect(val).toMatchObject({ split: "val" })
})

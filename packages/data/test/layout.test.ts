import { expect, test } from "vitest"
import { folderLayout } from "../src/index.ts"

const numbered = (folder: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${folder}/${i}.jpg`)
const names = (paths: string[], items: Iterable<number>): string[] => Array.from(items, (item) => paths[item] as string)

test("classes are sorted by name, examples by folder and name, as torchvision does", () => {
  const paths = ["b/2.png", "a/x/1.JPG", "a/9.jpg", "B/1.gif", "b/10.webp", "é/1.jpg", "a/.hidden.jpg", "a/notes.txt"]
  const { classes, train, val, skipped } = folderLayout(paths, "set", { valFraction: 0 })
  expect(classes).toEqual(["B", "a", "b", "é"])
  expect(names(paths, train.items)).toEqual(["B/1.gif", "a/9.jpg", "a/x/1.JPG", "b/10.webp", "b/2.png", "é/1.jpg"])
  expect([...train.labels]).toEqual([0, 1, 1, 2, 2, 3])
  expect(val).toBeNull()
  expect(skipped).toBe(2)
})

test.each(["val", "valid", "Validation", "dev"])("train and %s are found under enclosing folders", (split) => {
  const paths = [
    ...numbered("set/v1/train/cat", 3),
    ...numbered("set/v1/train/dog", 2),
    ...numbered(`set/v1/${split}/dog`, 2),
  ]
  const { classes, train, val } = folderLayout(paths, "set")
  expect(classes).toEqual(["cat", "dog"])
  expect([...train.labels]).toEqual([0, 0, 0, 1, 1])
  expect([...(val?.labels ?? [])]).toEqual([1, 1])
})

test("val and test are two splits, and a class may be called train", () => {
  const both = [...numbered("train/a", 2), ...numbered("test/a", 3), ...numbered("valid/a", 1)]
  const { val, test, folders, passedOver } = folderLayout(both, "set")
  expect([val?.items.length, test?.items.length, passedOver.length]).toEqual([1, 3, 0])
  expect(folders).toEqual({ train: "train", val: "valid", test: "test" })
  const vehicles = [...numbered("train", 3), ...numbered("bus", 3)]
  expect(folderLayout(vehicles, "set").classes).toEqual(["bus", "train"])
})

test("a split is stratified, fixed by the seed, and moves no image of another class", () => {
  const paths = [...numbered("a", 100), ...numbered("b", 30), ...numbered("c", 1)]
  const { train, val } = folderLayout(paths, "set", { seed: 3 })
  expect(val?.items.filter((item) => paths[item]?.startsWith("a")).length).toBe(10)
  expect(val?.items.filter((item) => paths[item]?.startsWith("b")).length).toBe(3)
  expect([...train.items, ...(val?.items ?? [])].sort((x, y) => x - y)).toEqual(paths.map((_, i) => i))
  expect(folderLayout(paths, "set", { seed: 3 })).toEqual(folderLayout(paths, "set", { seed: 3 }))
  expect(folderLayout(paths, "set", { seed: 4 }).val?.items).not.toEqual(val?.items)
  const more = [...paths, ...numbered("d", 50)]
  const inA = (part: typeof val, list: string[]): string[] =>
    names(list, part?.items ?? []).filter((p) => p.startsWith("a"))
  expect(inA(folderLayout(more, "set", { seed: 3 }).val, more)).toEqual(inA(val, paths))
})

test.each<[string, string[], RegExp]>([
  ["no images", ["readme.txt"], /set: holds no JPEG/],
  ["no classes", ["1.jpg", "2.jpg"], /not in class folders/],
  ["a class of its own in val", [...numbered("train/a", 2), ...numbered("val/b", 2)], /have a class "b"/],
])("%s", (_, paths, fault) => {
  expect(() => folderLayout(paths, "set")).toThrow(fault)
})

test.each([
  ["Training", "Testing"],
  ["training_set", "test_set"],
  ["TRAIN", "eval"],
  ["train_images", "Test_Images"],
])("%s and %s are splits and no classes, beside other folders too", (train, other) => {
  const paths = [...numbered(`${train}/a`, 20), ...numbered(`${train}/b`, 20), ...numbered(`${other}/a`, 1)]
  const layout = folderLayout([...paths, "notes/c/1.jpg", "@eaDir/x/1.jpg"], "set")
  expect(layout.classes).toEqual(["a", "b"])
  // The test images choose no model, and the training set stays whole.
  expect([layout.train.items.length, layout.val, layout.test?.items.length]).toEqual([40, null, 1])
  expect(layout.folders).toEqual({ train, test: other })
  expect(layout.passedOver).toEqual([`1 images of the folder "notes" beside the splits, such as notes/c/1.jpg`])
})

test("with a test folder, images are held out to validate only if that is asked for; older runs validate on it", () => {
  const paths = [...numbered("train/a", 10), ...numbered("train/b", 10), ...numbered("test/a", 3)]
  const sizes = (options: object): (number | undefined)[] => {
    const { train, val, test } = folderLayout(paths, "set", options)
    return [train.items.length, val?.items.length, test?.items.length]
  }
  expect(sizes({ valFraction: 0.2 })).toEqual([16, 4, 3])
  expect(sizes({ testValidates: true })).toEqual([20, 3, undefined])
})

test("splits inside of class folders are splits; a folder of one split says its name", () => {
  const parts = ["cat", "dog"].flatMap((name) => [...numbered(`${name}/train`, 3), ...numbered(`${name}/Valid`, 1)])
  const { classes, train, val, folders } = folderLayout(parts, "set")
  expect([classes, train.items.length, val?.items.length]).toEqual([["cat", "dog"], 6, 2])
  expect(folders).toEqual({ train: "train", val: "Valid" })
  expect([...train.labels]).toEqual([0, 0, 0, 1, 1, 1])
  expect(folderLayout([...numbered("test/a", 2), ...numbered("test/b", 2)], "set").folders).toEqual({ train: "test" })
})

test("a split beside class folders is no class, and splits without train are refused", () => {
  const beside = [...numbered("a", 2), ...numbered("b", 2), ...numbered("test/a", 1)]
  const { classes, test } = folderLayout(beside, "set")
  expect([classes, test?.items.length]).toEqual([["a", "b"], 1])
  const train = [...numbered("train/a", 2), ...numbered("train/b", 2), "more/1.jpg"]
  expect(folderLayout(train, "set").classes).toEqual(["a", "b"])
  expect(() => folderLayout([...numbered("val/a", 2), ...numbered("test/a", 2)], "set")).toThrow(/none called train/)
})

test("test images without labels are passed over, by name", () => {
  const paths = [...numbered("train/a", 20), ...numbered("train/b", 20)]
  for (const folder of ["test", "test/unknown"]) {
    const { test, val, passedOver } = folderLayout([...paths, ...numbered(folder, 2)], "set")
    expect([test, val?.items.length, passedOver.length]).toEqual([null, 4, 1])
    expect(passedOver[0]).toContain(`such as ${folder}/0.jpg`)
  }
})

test("without labels, images of a flat folder are taken, in all splits", () => {
  const options = { unlabelled: true, valFraction: 0.2 }
  const flat = folderLayout(numbered("photos", 10), "set", options)
  expect([flat.classes, flat.train.items.length, flat.val?.items.length]).toEqual([["photos"], 8, 2])
  const loose = folderLayout([...numbered("photos", 9), "1.jpg"], "set", options)
  expect([loose.classes, loose.train.items.length, loose.val?.items.length]).toEqual([[], 8, 2])
  const split = folderLayout([...numbered("train", 9), ...numbered("val", 3)], "set", options)
  expect([split.classes, split.train.items.length, split.val?.items.length]).toEqual([[], 9, 3])
})

test("files that are passed over are named by kind, and a class of nothing else is refused", () => {
  const paths = [...numbered("ant", 3), ...numbered("bee", 3), "bee/a.jp2", "bee/b.jp2", "loose.jpg", "bee/.x"]
  expect(folderLayout(paths, "set").passedOver).toEqual([
    "2 .jp2 files (convert them to JPEG or PNG), such as bee/a.jp2",
    "1 images outside of the class folders, such as loose.jpg",
  ])
  expect(() => folderLayout([...paths, "empty/"], "set")).toThrow(/the class folder "empty" has no image/)
  expect(() => folderLayout([...paths, "cat/1.heic"], "set")).toThrow(
    /the class folder "cat" has no image that can be read .*4 files are passed over: .*1 \.heic files \(convert.*\), such as cat\/1\.heic/,
  )
})

test("many files that are passed over take time in proportion to their number", () => {
  const notes = Array.from({ length: 300_000 }, (_, i) => `notes/${i}.xml`)
  expect(folderLayout([...numbered("a", 2), ...numbered("b", 2), ...notes], "set").passedOver).toEqual([
    "300000 .xml files, such as notes/0.xml",
  ])
})

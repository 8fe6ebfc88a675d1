import { expect, test } from "vitest"
import { folderLayout } from "../src/index.ts"

const numbered = (folder: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${folder}/${i}.jpg`)
const names = (paths: string[], items: readonly number[]): string[] => items.map((item) => paths[item] as string)

test("classes are sorted by name, examples by folder and name, as torchvision does", () => {
  const paths = ["b/2.png", "a/x/1.JPG", "a/9.jpg", "B/1.gif", "b/10.webp", "é/1.jpg", "a/.hidden.jpg", "a/notes.txt"]
  const { classes, train, val, skipped } = folderLayout(paths, "set", { valFraction: 0 })
  expect(classes).toEqual(["B", "a", "b", "é"])
  expect(names(paths, train.items)).toEqual(["B/1.gif", "a/9.jpg", "a/x/1.JPG", "b/10.webp", "b/2.png", "é/1.jpg"])
  expect([...train.labels]).toEqual([0, 1, 1, 2, 2, 3])
  expect(val).toBeNull()
  expect(skipped).toBe(2)
})

test.each(["val", "valid", "validation", "test", "Test"])("train and %s are found under enclosing folders", (split) => {
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

test("val is taken before test, and a class may be called train", () => {
  const both = [...numbered("train/a", 2), ...numbered("test/a", 3), ...numbered("val/a", 1)]
  expect(folderLayout(both, "set").val?.items.length).toBe(1)
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
  ["train", "dev"],
  ["TRAIN", "eval"],
])("%s and %s are splits and no classes, beside other folders too", (train, other) => {
  const paths = [...numbered(`${train}/a`, 2), ...numbered(`${train}/b`, 2), ...numbered(`${other}/a`, 1)]
  const { classes, val, passedOver } = folderLayout([...paths, "notes/c/1.jpg", "@eaDir/x/1.jpg"], "set")
  expect(classes).toEqual(["a", "b"])
  expect(val?.items.length).toBe(1)
  expect(passedOver).toEqual(["1 images outside of the class folders, such as notes/c/1.jpg"])
})

test("files that are passed over are named by kind, and a class of nothing else is refused", () => {
  const paths = [...numbered("ant", 3), ...numbered("bee", 3), "bee/a.jp2", "bee/b.jp2", "loose.jpg", "bee/.x"]
  expect(folderLayout(paths, "set").passedOver).toEqual([
    "2 .jp2 files, such as bee/a.jp2",
    "1 images outside of the class folders, such as loose.jpg",
  ])
  expect(() => folderLayout([...paths, "cat/1.heic"], "set")).toThrow(
    /the class folder "cat" has no image that can be read .*4 files are passed over: .*1 \.heic files, such as cat\/1\.heic/,
  )
})

test("where there are both val and test, the images of test are named as such", () => {
  const paths = [...numbered("train/a", 2), ...numbered("val/a", 1), ...numbered("test/a", 3)]
  expect(folderLayout(paths, "set").passedOver).toEqual([`3 images of the split "test", such as test/a/0.jpg`])
})

test("many files that are passed over take time in proportion to their number", () => {
  const notes = Array.from({ length: 300_000 }, (_, i) => `notes/${i}.xml`)
  expect(folderLayout([...numbered("a", 2), ...numbered("b", 2), ...notes], "set").passedOver).toEqual([
    "300000 .xml files, such as notes/0.xml",
  ])
})

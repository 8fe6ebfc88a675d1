import { mkdir, mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { expect, test } from "vitest"
import type { DatasetSource } from "../src/index.ts"
import { createLoader, openDataset, resolveData, type ResolvedData, type ResolveOptions } from "../src/node.ts"

/** A PNG of one grey pixel. */
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
  "base64",
)

/** A folder of files; images are one pixel. */
async function folder(
  images: readonly string[],
  texts: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "vitrine-"))
  for (const [name, content] of [...images.map((name) => [name, png] as const), ...Object.entries(texts)]) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), content)
  }
  return root
}

const numbered = (prefix: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}.png`)

/** Each image's name and class, by split. */
async function contents({ train, val, test }: ResolvedData): Promise<Record<string, string[]>> {
  const list = async (source: DatasetSource | null): Promise<string[]> => {
    if (source === null) return []
    const { length, describe, labels, classes } = await openDataset(source)
    return Array.from({ length }, (_, i) => `${describe(i).split("/").at(-1)} ${classes[labels[i] ?? -1]}`)
  }
  return { train: await list(train), val: await list(val), test: await list(test) }
}

const whole: ResolveOptions = { valFraction: 0 }

test("a CSV of nested paths is data by itself, and says its columns", async () => {
  const root = await folder(["a/x/1.png", "b/2.png", "b/3.png"], {
    "labels.csv": 'image,species\na/x/1.png,oak\n./b/2.png,"elm, wych"\nb\\3.png,oak\nb/4.png,oak\n',
  })
  const data = await resolveData(join(root, "labels.csv"), whole)
  expect((await contents(data)).train).toEqual(["1.png oak", "2.png elm, wych", "3.png oak"])
  expect(data.notes[0]).toBe("images and labels by labels.csv (image; species), not by folders")
  expect(data.passedOver).toEqual(["1 rows of labels.csv whose image is not there, such as b/4.png"])
})

test.each([
  ["a byte order mark and semicolons", "labels.csv", "\ufefffile;label\n1.png;b\n2.png;a\n"],
  ["tabs", "labels.tsv", "file\tlabel\n1.png\tb\n2.png\ta\n"],
  ["UTF-16", "labels.csv", Buffer.from("\ufefffile,label\r\n1.png,b\r\n2.png,a\r\n", "utf16le")],
  ["names without extension", "labels.csv", "id,breed\n1,b\n2,a\n"],
  ["JSON lines", "labels.jsonl", '{"path":"1.png","label":"b"}\n\n{"label":"a","path":"2.png"}\n'],
])("images of one folder have their labels in a table: %s", async (_, name, table) => {
  const root = await folder(["1.png", "2.png"], { [name]: table })
  expect((await contents(await resolveData(root, whole))).train).toEqual(["1.png b", "2.png a"])
})

test("Hugging Face's metadata wins over folders, with the splits of its folders", async () => {
  const images = [...numbered("train/x/", 4), ...numbered("test/y/", 2)]
  const lines = (n: number, folder: string): string =>
    Array.from({ length: n }, (_, i) => `{"file_name":"${folder}/${i}.png","label":${i % 2}}`).join("\n")
  const root = await folder(images, { "train/metadata.jsonl": lines(4, "x"), "test/metadata.jsonl": lines(2, "y") })
  const data = await resolveData(root)
  const { train, val, test } = await contents(data)
  expect([train?.length, val, test]).toEqual([4, [], ["0.png 0", "1.png 1"]])
  expect(data.splitNames).toEqual({ train: "train", test: "test" })
  expect(data.notes[0]).toContain("not by folders")
})

test("metadata without labels leaves the classes to the folders, and says so", async () => {
  const root = await folder(["cat/1.png", "dog/2.png"], {
    "metadata.csv": "file_name,text\ncat/1.png,a cat\ndog/2.png,a dog\n",
  })
  const data = await resolveData(root, whole)
  expect((await contents(data)).train).toEqual(["1.png cat", "2.png dog"])
  expect(data.notes).toEqual(["metadata.csv has no column of labels: the classes are the folders"])
})

test("another table beside class folders is named", async () => {
  const root = await folder(["cat/1.png", "dog/2.png"], { "labels.csv": "file,label\ncat/1.png,x\ndog/2.png,y\n" })
  const data = await resolveData(root, whole)
  expect((await contents(data)).train).toEqual(["1.png cat", "2.png dog"])
  expect(data.passedOver).toEqual(["1 .csv files, such as labels.csv"])
  const byTable = await resolveData(root, { ...whole, labelColumns: ["label"] })
  expect((await contents(byTable)).train).toEqual(["1.png x", "2.png y"])
})

test("a split column divides, also by other spellings, and whole numbers keep their places", async () => {
  const rows = numbered("", 6).map((name, i) => `${name},${[0, 3][i % 2]},${["TRAIN", "Validation", "testing"][i % 3]}`)
  const root = await folder(numbered("", 6), { "data.csv": `filename,target,split\n${rows.join("\n")}\n` })
  const data = await resolveData(root)
  expect(await contents(data)).toEqual({
    train: ["0.png 0", "3.png 3"],
    val: ["1.png 3", "4.png 0"],
    test: ["2.png 0", "5.png 3"],
  })
  expect(data.splitNames).toEqual({ train: "TRAIN", val: "Validation", test: "testing" })
  expect(data.notes[1]).toBe("no image has the label 1 … 2: of 4 classes 2 stay empty")
})

test("a table for each split, one of which has no labels", async () => {
  const root = await folder([...numbered("images/", 4)], {
    "train.csv": "id,label\n0,a\n1,b\n",
    "valid.csv": "id,label\n2,a\n",
    "test.csv": "id\n3\n",
  })
  const data = await resolveData(root)
  expect(await contents(data)).toEqual({ train: ["0.png a", "1.png b"], val: ["2.png a"], test: [] })
  expect(data.passedOver).toEqual([
    "1 rows of train.csv without a label, such as images/3.png",
    "1 files that train.csv and valid.csv and test.csv do not name, such as images/3.png",
  ])
})

test.each([
  [
    "a list in JSON",
    "m.jsonl",
    '{"file":"0.png","tags":["a","b"]}\n{"file":"1.png","tags":[]}\n{"file":"2.png","tags":["b"]}',
  ],
  ["a list with bars", "m.csv", "file,label\n0.png,a|b\n1.png,\n2.png,b\n"],
  ["a list in Python", "m.csv", "file,label\n0.png,\"['a', 'b']\"\n1.png,[]\n2.png,['b']\n"],
  ["several columns of 0 and 1", "m.csv", "file,a,b\n0.png,1,1\n1.png,0,0\n2.png,0,1\n"],
  ["the same with points", "m.csv", "file,a,b\n0.png,1.0,1.0\n1.png,0.0,0.0\n2.png,0.0,1.0\n"],
])("several labels an image: %s", async (_, name, table) => {
  const root = await folder(numbered("", 3), { [name]: table })
  const data = await resolveData(root, whole)
  const dataset = await openDataset(data.train)
  expect(dataset.classes).toEqual(["a", "b"])
  expect([...dataset.labels]).toEqual([-1, -1, -1])
  for await (const { targets } of await createLoader({ dataset, batchSize: 3, epochs: 1, workers: 0 }))
    expect([...targets]).toEqual([1, 1, 0, 0, 0, 1])
  const { val } = await resolveData(root, { valFraction: 0.34 })
  expect(val && (await openDataset(val)).labelSets?.starts.length).toBe(2)
})

test("a column of yes and no divides, such as fastai's is_valid", async () => {
  const root = await folder(numbered("", 4), {
    "labels.csv": "fname,labels,is_valid\n0.png,a b,False\n1.png,c,False\n2.png,c,True\n3.png,a b,True\n",
  })
  const data = await resolveData(root)
  const { train, val } = await contents(data)
  expect([train, val]).toEqual([
    ["0.png a b", "1.png c"],
    ["2.png c", "3.png a b"],
  ])
  expect(data.notes).toContain('a cell such as "a b" is one label; | ; or , divide several')
})

test.each([
  ["of −1 and 1", "1,-1\n1.png,1,1\n", []],
  ["with empty cells", "1,\n1.png,1,1\n", ["1 empty cells in the columns of labels are taken as 0"]],
  ["of true and false", "true,false\n1.png,True,TRUE\n", []],
])("columns %s are several labels", async (_, rows, notes) => {
  const root = await folder(numbered("", 2), { "labels.csv": `file,Bald,Male\n0.png,${rows}` })
  const data = await resolveData(root, whole)
  expect((await openDataset(data.train)).labelSets).toEqual({
    starts: Uint32Array.of(0, 1, 3),
    classes: Uint32Array.of(0, 0, 1),
  })
  expect(data.notes.slice(1)).toEqual(notes)
})

test("columns of 0 and 1 with exactly one 1 in each row are classes", async () => {
  const root = await folder(numbered("", 2), { "m.csv": "file,a,b\n0.png,0,1\n1.png,1,0\n" })
  const data = await resolveData(root, whole)
  expect((await contents(data)).train).toEqual(["0.png b", "1.png a"])
  expect(data.notes).toContain("each image has exactly one label: they are classes")
})

test.each<[string, string, RegExp, ResolveOptions?]>([
  [
    "two columns of images",
    "file,path,label\n0.png,1.png,a\n",
    /columns "file" and "path": say which \(fileColumn, --file-column\)/,
  ],
  [
    "two columns of labels",
    "file,label,class\n0.png,a,b\n",
    /columns "label" and "class": say which \(labelColumns, --label-column\)/,
  ],
  ["no column of images", "x,label\n0.png,a\n", /no column is called file, .*its columns are x, label/],
  ["no column of labels", "file,x,y\n0.png,a,b\n", /no column is called label/],
  ["a column that is not there", "file,label\n0.png,a\n", /has no column "kind"/, { labelColumns: ["kind"] }],
  ["a path that climbs", "file,label\n../0.png,a\n", /"\.\.\/0\.png" leads out of the folder/],
  ["an absolute path", "file,label\n/etc/passwd,a\n", /leads out of the folder/],
  [
    "a file with two labels",
    "file,label\n0.png,a\n0.png,b\n",
    /0\.png stands in it twice, with the labels "a" and "b"/,
  ],
  ["labels with fractions", "file,label\n0.png,0.25\n1.png,0.5\n", /0\.25 is a number with a fraction/],
  [
    "no image that is there",
    "file,label\n7.png,a\n",
    /names no image that can be read: 1 rows of t\.csv whose image is not there/,
  ],
  ["a ragged row", "file,label\n0.png,a,b\n", /t\.csv: Invalid Record Length/],
  ["no rows", "file,label\n", /has no rows/],
])("a table is refused in one line for %s", async (_, table, fault, options) => {
  const root = await folder(numbered("", 2), { "t.csv": table })
  const error = await resolveData(root, { ...whole, ...options }).catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ name: "VitrineError" })
  expect((error as Error).message).toMatch(fault)
  expect((error as Error).message).not.toContain("\n")
})

test("a name that two images have is refused, unless the splits tell them apart", async () => {
  const images = ["a/1.png", "b/1.png"]
  const root = await folder(images, { "t.csv": "id,label\n1,x\n" })
  await expect(resolveData(join(root, "t.csv"))).rejects.toThrow(/"1" could be a\/1\.png or b\/1\.png/)
  const split = await folder(["train/1.png", "test/1.png"], { "t.csv": "id,label,split\n1,x,train\n1,x,test\n" })
  expect(await contents(await resolveData(join(split, "t.csv"), whole))).toMatchObject({
    train: ["1.png x"],
    test: ["1.png x"],
  })
})

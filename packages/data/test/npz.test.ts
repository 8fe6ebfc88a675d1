import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { openDataset, resolveData } from "../src/node.ts"
import { zip } from "./zip.ts"

/** A .npy file of bytes, or of another type whose bytes they are. */
function npy(shape: readonly number[], data: Uint8Array, type = "|u1"): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`.padEnd(117) + "\n"
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00", "latin1"),
    Buffer.from([header.length, 0]),
    Buffer.from(header),
    data,
  ])
}

async function saved(arrays: Readonly<Record<string, Buffer>>): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "vitrine-")), "data.npz")
  const files = Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, array]))
  await writeFile(path, zip(files, { deflate: true }))
  return path
}

const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => i)
const images = (count: number): Buffer => npy([count, 2, 3], bytes(count * 6))
const labels = (...values: number[]): Buffer => npy([values.length], Uint8Array.from(values))

test.each([
  ["Keras' names", { x_train: images(5), y_train: labels(0, 1, 1, 0, 1), x_test: images(2), y_test: labels(1, 0) }],
  [
    "MedMNIST's names",
    {
      train_images: images(5),
      train_labels: npy([5, 1], Uint8Array.of(0, 1, 1, 0, 1)),
      test_images: images(2),
      test_labels: npy([2, 1], Uint8Array.of(1, 0)),
    },
  ],
])("images and labels by %s, where the test set stays one", async (_, arrays) => {
  const path = await saved(arrays)
  const { train, val, test } = await resolveData(path)
  const dataset = await openDataset(train)
  expect(dataset).toMatchObject({ length: 5, channels: 1, classes: ["0", "1"] })
  expect([...dataset.labels]).toEqual([0, 1, 1, 0, 1])
  expect(await dataset.read(1)).toEqual({ width: 3, height: 2, channels: 1, data: bytes(12).subarray(6) })
  expect(dataset.source?.kind).toBe("pixels")
  expect([val, test && [...(await openDataset(test)).labels]]).toEqual([null, [1, 0]])
  const held = await resolveData(path, { valFraction: 0.4 })
  expect(held.val && (await openDataset(held.val)).length).toBe(2)
})

test("a validation set, colours, labels of 64 bits with gaps, and other arrays that are named", async () => {
  const wide = Buffer.from(BigInt64Array.of(0n, 3n).buffer)
  const pixels = npy([2, 1, 2, 3], bytes(12))
  const path = await saved({
    train_images: pixels,
    train_labels: npy([2], wide, "<i8"),
    val_images: pixels,
    val_labels: labels(3, 0),
    ids: labels(1, 2),
  })
  const { train, val, notes, passedOver, splitNames } = await resolveData(path)
  expect(await openDataset(train)).toMatchObject({ channels: 3, classes: ["0", "1", "2", "3"] })
  expect(val && [...(await openDataset(val)).labels]).toEqual([3, 0])
  expect(notes).toEqual(["no image has the label 1 … 2: of 4 classes 2 stay empty"])
  expect(passedOver).toEqual(["1 arrays, such as ids"])
  expect(splitNames).toEqual({ train: "train", val: "val" })
})

test.each([
  ["fractions from 0 to 1", npy([1, 1, 3], Buffer.from(Float32Array.of(0, 1 / 255, 1).buffer), "<f4"), [0, 1, 255]],
  ["fractions of 64 bits", npy([1, 1, 3], Buffer.from(Float64Array.of(0, 0.5, 1).buffer), "<f8"), [0, 128, 255]],
  ["whole numbers of 64 bits", npy([1, 1, 3], Buffer.from(BigInt64Array.of(0n, 1n, 255n).buffer), "<i8"), [0, 1, 255]],
  ["whole numbers as floats", npy([1, 1, 3], Buffer.from(Float32Array.of(0, 1, 200).buffer), "<f4"), [0, 1, 200]],
])("images of %s become bytes, and it is said", async (_, array, expected) => {
  const { train, notes } = await resolveData(await saved({ x_train: array, y_train: labels(0) }), { valFraction: 0 })
  const { data } = await (await openDataset(train)).read(0)
  expect([...data]).toEqual(expected)
  expect(notes).toEqual([expect.stringMatching(/^x_train: its [FI]\d+ numbers are read as bytes$/)])
})

test("rows of 0 and 1 are several labels, or classes where each has exactly one 1", async () => {
  const several = await saved({ x_train: images(3), y_train: npy([3, 2], Uint8Array.of(1, 1, 0, 0, 0, 1)) })
  const dataset = await openDataset((await resolveData(several, { valFraction: 0 })).train)
  expect(dataset.labelSets).toEqual({ starts: Uint32Array.of(0, 2, 2, 3), classes: Uint32Array.of(0, 1, 1) })
  const one = await saved({ x_train: images(3), y_train: npy([3, 2], Uint8Array.of(1, 0, 0, 1, 0, 1)) })
  expect([...(await openDataset((await resolveData(one, { valFraction: 0 })).train)).labels]).toEqual([0, 1, 1])
})

test.each<[string, Record<string, Buffer>, RegExp]>([
  ["other names", { a: images(1), b: labels(0) }, /has no arrays x_train and y_train.*its arrays are a, b/],
  ["other counts", { x_train: images(2), y_train: labels(0) }, /x_train has 2 images, y_train has 1 labels/],
  [
    "fractions above 1",
    { x_train: npy([1, 1, 1], Buffer.from(Float32Array.of(1.5).buffer), "<f4"), y_train: labels(0) },
    /x_train: images are bytes \(uint8\), whole numbers from 0 to 255 or fractions from 0 to 1, not numbers from 1.5 to 1.5/,
  ],
  [
    "images of 16 bits",
    { x_train: npy([1, 1, 1], Buffer.from(Uint16Array.of(256).buffer), "<u2"), y_train: labels(0) },
    /not numbers from 256 to 256: convert them/,
  ],
  ["channels before rows", { x_train: npy([1, 3, 2, 2], bytes(12)), y_train: labels(0) }, /not 1×3×2×2/],
  [
    "labels with fractions",
    { x_train: images(1), y_train: npy([1], Buffer.from(Float32Array.of(0.5).buffer), "<f4") },
    /labels are whole numbers/,
  ],
  [
    "one label of a billion",
    { x_train: images(1), y_train: npy([1], Buffer.from(Int32Array.of(1e9).buffer), "<i4") },
    /a label is 1000000000/,
  ],
])("%s are refused in one line", async (_, arrays, fault) => {
  const path = await saved(arrays)
  const error = await resolveData(path, { valFraction: 0 })
    .then(({ train }) => openDataset(train))
    .catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ name: "VitrineError" })
  expect((error as Error).message).toMatch(fault)
  expect((error as Error).message).not.toContain("\n")
})

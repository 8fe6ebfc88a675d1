import { zipSync } from "fflate"
import { expect, test } from "vitest"
import { memorySource } from "../src/index.ts"
import { isZip, readNpz, readZipFile, zipFiles } from "../src/npz-entry.ts"

const content = Uint8Array.from({ length: 3000 }, (_, i) => i % 7)

test.each([0, 6] as const)("a file of an archive is read by its place alone (level %i)", async (level) => {
  const bytes = zipSync({ "a/": new Uint8Array(), "a/b.bin": content, "c.txt": new Uint8Array(5) }, { level })
  expect(isZip(bytes)).toBe(true)
  const reads: number[] = []
  const { read, ...facts } = memorySource(bytes, "x.zip")
  const source = { ...facts, read: (begin: number, end: number) => (reads.push(end - begin), read(begin, end)) }
  const files = await zipFiles(source)
  expect(files.map(({ name, size }) => [name, size])).toEqual([
    ["a/b.bin", 3000],
    ["c.txt", 5],
  ])
  reads.length = 0
  expect(await readZipFile(source, files[0] ?? expect.fail())).toEqual(content)
  expect(reads).toEqual([30, files[0]?.compressedSize])
})

test("an archive of weights has nothing but arrays, while one of files may have anything", async () => {
  const bytes = zipSync({ "notes/": new Uint8Array(), "notes/a.txt": content })
  await expect(readNpz(bytes, "x.npz")).rejects.toThrow(/^x\.npz: /)
  expect((await zipFiles(memorySource(bytes, "x.zip"))).length).toBe(1)
})

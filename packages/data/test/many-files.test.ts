import { createHash } from "node:crypto"
import { mkdir, mkdtemp, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { expect, test } from "vitest"
import { pathList, pathsOf } from "../src/node/shared-paths.ts"
import { dataListing, openDataset, resolveData } from "../src/node.ts"

test("paths in shared buffers are the strings that were written, in every thread", () => {
  const paths = Array.from({ length: 40_000 }, (_, i) => `class ${i % 7}/${"n".repeat(i % 60)}é🌳${i}.jpg`)
  const { pages, starts, length, pick } = pathsOf(paths)
  expect(pages.length).toBeGreaterThan(1)
  expect([...pages, starts].every(({ buffer }) => buffer instanceof SharedArrayBuffer)).toBe(true)
  const list = pathList(structuredClone(pages), structuredClone(starts))
  expect([...list]).toEqual(paths)
  expect([list.at(39_999), list.at(40_000), length]).toEqual([paths[39_999], undefined, 40_000])
  expect([...pick(Uint32Array.of(5, 39_999, 5))]).toEqual([paths[5], paths[39_999], paths[5]])
})

test("the digest of a listing is that of all paths and sizes, sorted by path", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vitrine-"))
  const names = ["a/1.jpg", "a/b/1.jpg", "a/b.jpg", "a-b/1.jpg", "a/b/c/2.jpg", "a b/1.jpg", "a/z.jpg", "a/é.jpg"]
  for (const [i, name] of names.entries()) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), "x".repeat(i))
  }
  const resolved = await resolveData(folder, { valFraction: 0.4 })
  expect(resolved.val).not.toBeNull()
  const hash = createHash("sha256")
  for (const name of [...names].sort()) hash.update(`${name}\0${(await stat(join(folder, name))).size}\n`)
  expect(await dataListing(resolved, folder)).toEqual({ files: 8, bytes: 28, digest: hash.digest("hex") })
  const { train } = resolved
  expect((await openDataset(train)).describe(0)).toBe(join(folder, "a/1.jpg"))
})

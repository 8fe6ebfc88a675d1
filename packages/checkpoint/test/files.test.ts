import { execFileSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { type StoredTensor, writeSafetensors } from "../src/index.ts"
import { recoverFolder, writeFolderAtomic } from "../src/node/files.ts"
import { describeWeights, openSafetensors, writeFileAtomic } from "../src/node.ts"
import { fault, mountSmall } from "./support.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-files-"))
const small = join(folder, "small")
const mounted = mountSmall(small)
afterAll(() => {
  if (mounted) execFileSync("umount", [small])
  rmSync(folder, { recursive: true, force: true })
})

const tensors: [string, StoredTensor][] = [
  ["w", { dtype: "F32", shape: [2, 2], data: Float32Array.of(1, 2, 3, -6) }],
  ["n", { dtype: "I64", shape: [], data: BigInt64Array.of(7n) }],
]

describe("openSafetensors", () => {
  test("reads the header, then tensors one by one or all", async () => {
    const path = join(folder, "a.safetensors")
    await writeFileAtomic(path, writeSafetensors(tensors, { format: "pt" }))
    const file = await openSafetensors(path)
    expect(file.metadata).toEqual({ format: "pt" })
    expect(file.tensors.map(({ name }) => name)).toEqual(["n", "w"])
    const { begin, end } = file.tensors[1] as (typeof file.tensors)[0]
    expect(new Float32Array(readFileSync(path).buffer.slice(begin, end)).length).toBe(4)
    expect(end).toBe(file.size)
    expect(await file.read("w")).toEqual(tensors[0]?.[1])
    expect(await file.readAll()).toEqual(new Map([...tensors].reverse()))
    expect(await fault(file.read("x"))).toMatch(/a\.safetensors: has no tensor "x"$/)
    await file.close()
  })

  test("tells what is wrong with a path", async () => {
    expect(await fault(openSafetensors(join(folder, "none")))).toMatch(/none: cannot read: no such file or folder$/)
    expect(await fault(openSafetensors(folder))).toMatch(/cannot read: it is a folder, not a file$/)
    expect(await fault(openSafetensors("/dev/zero"))).toBe("/dev/zero: cannot read: it is not a regular file")
    const short = join(folder, "short")
    writeFileSync(short, "abc")
    expect(await fault(openSafetensors(short))).toMatch(/not a safetensors file: 3 bytes/)
    expect(await fault(openSafetensors(join(short, "x")))).toMatch(/a part of the path is a file/)
  })

  test("does not allocate what a header claims", async () => {
    const path = join(folder, "liar")
    const header = `{"a":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,8000000000000]}}`
    const bytes = Buffer.alloc(8 + header.length)
    bytes.writeBigUInt64LE(BigInt(header.length))
    bytes.write(header, 8)
    writeFileSync(path, bytes)
    expect(await fault(openSafetensors(path))).toMatch(/tensor "a" ends 8000000000000 bytes after the end/)
  })
})

test("describeWeights lists tensors and their values", async () => {
  const path = join(folder, "b.safetensors")
  await writeFileAtomic(path, writeSafetensors(tensors))
  expect(await describeWeights(path)).toEqual({
    file: path,
    format: "safetensors",
    size: readFileSync(path).length,
    metadata: {},
    parameters: 5,
    tensors: [
      { name: "n", dtype: "I64", shape: [], bytes: 8, min: 7, max: 7, mean: 7, std: 0, nonFinite: 0 },
      {
        name: "w",
        dtype: "F32",
        shape: [2, 2],
        bytes: 16,
        min: -6,
        max: 3,
        mean: 0,
        std: Math.sqrt(12.5),
        nonFinite: 0,
      },
    ],
  })
})

describe("writeFileAtomic", () => {
  test("replaces a file and leaves nothing beside it", async () => {
    const path = join(folder, "atomic", "x")
    mkdirSync(join(folder, "atomic"))
    await writeFileAtomic(path, "one")
    await writeFileAtomic(path, [Buffer.from("tw"), Buffer.from("o")])
    expect(readFileSync(path, "utf8")).toBe("two")
    expect(readdirSync(join(folder, "atomic"))).toEqual(["x"])
  })

  test("says why it cannot write, and keeps what was there", async () => {
    writeFileSync(join(folder, "plain"), "kept")
    expect(await fault(writeFileAtomic(join(folder, "plain", "x"), "y"))).toMatch(/cannot write: a part of the path/)
    expect(await fault(writeFileAtomic(join(folder, "no", "x"), "y"))).toMatch(/cannot write: no such file or folder/)
    mkdirSync(join(folder, "taken"))
    expect(await fault(writeFileAtomic(join(folder, "taken"), "y"))).toMatch(/taken: cannot write: it is a folder/)
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([])
    expect(readFileSync(join(folder, "plain"), "utf8")).toBe("kept")
  })

  test.skipIf(process.platform !== "linux")("says that a file system takes no files", async () => {
    expect(await fault(writeFileAtomic("/proc/vitrine", "y"))).toMatch(/^\/proc\/vitrine: cannot write: /)
  })

  test.skipIf(!mounted)("a full disk leaves the old file (skipped where a tmpfs cannot be mounted)", async () => {
    await writeFileAtomic(join(small, "x"), new Uint8Array(300_000).fill(1))
    expect(await fault(writeFileAtomic(join(small, "x"), new Uint8Array(900_000)))).toMatch(
      /small\/x: cannot write: the disk is full$/,
    )
    expect(readFileSync(join(small, "x")).every((byte) => byte === 1)).toBe(true)
    expect(readdirSync(small)).toEqual(["x"])
  })
})

describe("writeFolderAtomic", () => {
  const parent = join(folder, "folders")
  const fill = (text: string) => async (path: string) => writeFileSync(join(path, "file"), text)

  test("writes and replaces a folder", async () => {
    mkdirSync(parent)
    await writeFolderAtomic(join(parent, "a"), fill("one"))
    await writeFolderAtomic(join(parent, "a"), fill("two"))
    expect(readFileSync(join(parent, "a", "file"), "utf8")).toBe("two")
    expect(readdirSync(parent)).toEqual(["a"])
  })

  test("a failure leaves the old folder", async () => {
    const failing = writeFolderAtomic(join(parent, "a"), async () => {
      throw Object.assign(new Error("no space"), { code: "ENOSPC" })
    })
    expect(await fault(failing)).toMatch(/folders\/a: cannot write: the disk is full$/)
    expect(readdirSync(parent)).toEqual(["a"])
  })

  test("recovery puts back a folder that a kill left aside, and drops one that was replaced", async () => {
    mkdirSync(join(parent, ".vitrine-old-b"))
    writeFileSync(join(parent, ".vitrine-old-b", "file"), "b")
    mkdirSync(join(parent, ".vitrine-old-a"))
    writeFileSync(join(parent, ".vitrine-old-a", "file"), "older")
    mkdirSync(join(parent, ".vitrine-tmp-1-2"))
    symlinkSync("nowhere", join(parent, ".vitrine-tmp-3-4"))
    // What was planted comes back nowhere.
    for (const name of ["..", "", "config.json", "a"]) writeFileSync(join(parent, `.vitrine-old-${name}c`), "planted")
    symlinkSync("/", join(parent, ".vitrine-old-link"))
    await recoverFolder(parent, (name) => /^(a|b|link)$/.test(name))
    expect(readdirSync(parent).sort()).toEqual(["a", "b"])
    expect(readFileSync(join(parent, "a", "file"), "utf8")).toBe("two")
    expect(existsSync(join(parent, "b", "file"))).toBe(true)
  })
})

import { readFileSync } from "node:fs"
import { VitrineError } from "@vitrine/core"
import { describe, expect, test } from "vitest"
import { decodeImage } from "../src/node.ts"

interface GifCase {
  readonly name: string
  readonly gif: string
  readonly size: readonly [height: number, width: number]
  readonly rgb: string
}

const cases: readonly GifCase[] = JSON.parse(readFileSync(new URL("golden/files/gif.json", import.meta.url), "utf8"))

describe("a GIF has the pixels that Pillow makes of its first frame", () => {
  test.each(cases.map((each) => [each.name, each] as const))("%s", async (_, { gif, size, rgb }) => {
    const { height, width, channels, data } = await decodeImage(new Uint8Array(Buffer.from(gif, "base64")))
    expect([height, width, channels]).toEqual([...size, 3])
    expect(Buffer.from(data).equals(Buffer.from(rgb, "base64"))).toBe(true)
  })
})

test("a truncated or changed GIF is read or refused in a line", async () => {
  for (const { gif } of cases.slice(0, 3)) {
    const bytes = new Uint8Array(Buffer.from(gif, "base64"))
    await expect(decodeImage(bytes.subarray(0, Math.ceil(bytes.length / 2)))).rejects.toThrow(/broken GIF image \(it /)
    for (let at = 6; at < bytes.length; at += 7) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 0x55
      await decodeImage(changed).catch((error: unknown) => {
        if (!VitrineError.isInstance(error)) throw error
      })
    }
  }
})

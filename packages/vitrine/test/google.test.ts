import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { load } from "../src/node.ts"

const folder = fileURLToPath(new URL("../../checkpoint/test/golden/files/google", import.meta.url))
const expected = JSON.parse(await readFile(`${folder}/expected.json`, "utf8")) as {
  images: number[][]
  logits: Record<string, number[][]>
}
const images = expected.images.map(
  (pixels) => ({ width: 12, height: 12, channels: 3, data: Uint8Array.from(pixels) }) as const,
)

test.each(
  Object.entries(expected.logits).flatMap(([name, logits]) =>
    ["reference", "onnx"].map((backend) => [name, backend, logits] as const),
  ),
)("%s.npz gives Flax's logits on %s", async (name, backend, logits) => {
  const model = await load(`${folder}/${name}.npz`, { backend })
  const found = await model.logits(images)
  await model.close()
  const largest = Math.max(
    ...found.flatMap((row, i) => Array.from(row, (value, j) => Math.abs(value - (logits[i]?.[j] as number)))),
  )
  expect(found.map((row) => row.length)).toEqual(logits.map((row) => row.length))
  expect(largest).toBeLessThan(2e-6)
})

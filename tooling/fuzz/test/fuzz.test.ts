import { VitrineError } from "@vitrine/core"
import { expect, test } from "vitest"
import { fuzz } from "../src/fuzz.ts"
import { deepened } from "../src/mutate.ts"
import { targets } from "../src/targets.ts"

test.each(targets)("$name: each mutated file is read, or refused in one line", async (target) => {
  const { inputs, read, refused, faults } = await fuzz(target, { seed: 1, count: 2000, milliseconds: 500 })
  expect(faults.map(({ index, fault }) => `input ${index} ${fault}`)).toEqual([])
  expect(read + refused).toBe(inputs)
  expect(refused).toBeGreaterThan(0)
})

const ofJson = /^(json|.*-config|shard-index|labels|table|coco|recipe|detection-recipe|reading-recipe|metrics|run)$/

test.each(targets.filter(({ name }) => ofJson.test(name)))(
  "$name: JSON of 5,000 levels is refused in one line, wherever it stands",
  async (target) => {
    let count = 0
    for (const file of await target.corpus())
      for (const deep of deepened(file, 5000)) {
        count++
        const error: unknown = await Promise.resolve(deep)
          .then(target.parse)
          .catch((thrown: unknown) => thrown)
        expect(error).toSatisfy(VitrineError.isInstance)
        expect(String(error)).toMatch(/nested|is not an event/)
      }
    expect(count).toBeGreaterThan(0)
  },
)

test("voc: XML of 5,000 levels is refused in one line", async () => {
  const voc = targets.find(({ name }) => name === "voc")
  const [deep = new Uint8Array()] = (await voc?.corpus()) ?? []
  expect(() => voc?.parse(deep)).toThrow("at most 64 levels")
})

test("the shares of all parsers make a hundred, so that 100,000 inputs a share are ten million", () => {
  expect(targets.reduce((sum, { share }) => sum + share, 0)).toBe(100)
})

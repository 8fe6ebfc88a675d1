import { expect, test } from "vitest"
import { fuzz } from "../src/fuzz.ts"
import { targets } from "../src/targets.ts"

test.each(targets)("$name: each mutated file is read, or refused in one line", async (target) => {
  const { inputs, read, refused, faults } = await fuzz(target, { seed: 1, count: 2000, milliseconds: 700 })
  expect(faults.map(({ index, fault }) => `input ${index} ${fault}`)).toEqual([])
  expect(read + refused).toBe(inputs)
  expect(refused).toBeGreaterThan(0)
})

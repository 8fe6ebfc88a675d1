import { expect, test, vi } from "vitest"
import { pace } from "../src/pace.ts"

test("the pace is that of the last fifty steps, without the first and without other work", async () => {
  let now = 0
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now)
  const speed = pace()
  const step = (milliseconds: number): number => {
    now += milliseconds
    speed.step()
    return speed.secondsPerStep
  }
  expect(step(60_000)).toBe(60)
  expect(step(1000)).toBe(1)
  await speed.aside(async () => void (now += 5000))
  expect(step(2000)).toBe(1.5)
  for (let i = 0; i < 49; i++) step(3000)
  expect(speed.secondsPerStep).toBeCloseTo((2 + 49 * 3) / 50)
  expect(step(3000)).toBe(3)
  clock.mockRestore()
})

import { expect } from "vitest"

/** Fails unless two lists have one length and no pair of numbers differs by more than `tolerance`. */
export function near(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length)
  let worst = 0
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number))
    if (!(difference <= worst)) worst = difference
  }
  expect(worst).toBeLessThanOrEqual(tolerance)
}

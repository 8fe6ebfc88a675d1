import { learningRate, type Schedule, trainingOptions, transformerRate } from "@vitrine/trainer"
import fc from "fast-check"
import { describe, expect, test } from "vitest"

const cosine: Schedule = { decay: "cosine", warmup: 10, final: 0 }

describe("learningRate", () => {
  test("rises linearly to the base rate, then falls by a cosine", () => {
    expect(learningRate(1, cosine, 0, 110)).toBeCloseTo(0.1)
    expect(learningRate(1, cosine, 9, 110)).toBeCloseTo(1)
    expect(learningRate(1, cosine, 60, 110)).toBeCloseTo(0.5)
    expect(learningRate(1, cosine, 110, 110)).toBeCloseTo(0)
  })

  test("a fractional warm-up is a share of the run", () => {
    expect(learningRate(1, { ...cosine, warmup: 0.1 }, 4, 100)).toBeCloseTo(0.5)
  })

  test("linear ends at its final share, constant stays, rsqrt falls with the root of the step", () => {
    expect(learningRate(2, { decay: "linear", warmup: 0, final: 0.25 }, 100, 100)).toBeCloseTo(0.5)
    expect(learningRate(2, { decay: "constant", warmup: 0, final: 0 }, 99, 100)).toBe(2)
    expect(learningRate(1, { decay: "rsqrt", warmup: 100, final: 0 }, 399, 1000)).toBeCloseTo(0.5)
  })

  test("step decay falls once", () => {
    const drop = { decay: "step", warmup: 0, final: 0.1 } as const
    expect([199, 200].map((step) => learningRate(1, drop, step, 300))).toEqual([1, 0.1])
    expect([11, 12].map((step) => learningRate(1, { ...drop, drop: 12 }, step, 20))).toEqual([1, 0.1])
    expect(() => trainingOptions({ steps: 1, schedule: { ...drop, drop: -1 } })).toThrow("drop must be")
    expect(() => trainingOptions({ steps: 1, schedule: { ...drop, drop: [0.5, 1.5] } })).toThrow("drop must be")
  })

  test("step decay falls as often as it is told", () => {
    const schedule = { decay: "step", warmup: 0.2, final: 0.1, drop: [0.4, 0.6, 450] } as const
    const rates = [99, 100, 199, 200, 299, 300, 449, 450].map((step) => learningRate(1, schedule, step, 500))
    for (const [i, rate] of [1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001].entries()) expect(rates[i]).toBeCloseTo(rate, 12)
  })

  test("never leaves [0, base] and never rises after the warm-up", () => {
    const schedules = fc.record({
      decay: fc.constantFrom("cosine", "linear", "constant", "rsqrt", "step"),
      warmup: fc.integer({ min: 0, max: 50 }),
      final: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(schedules, fc.integer({ min: 51, max: 300 }), (schedule, steps) => {
        let last = Number.POSITIVE_INFINITY
        for (let step = 0; step < steps; step++) {
          const rate = learningRate(0.1, schedule, step, steps)
          expect(rate).toBeGreaterThanOrEqual(0)
          expect(rate).toBeLessThanOrEqual(0.1 + 1e-12)
          if (step >= schedule.warmup) {
            expect(rate).toBeLessThanOrEqual(last + 1e-12)
            last = rate
          }
        }
      }),
      { numRuns: 50 },
    )
  })
})

test("transformerRate makes rsqrt the paper's schedule", () => {
  const [dim, warmup] = [512, 4000]
  for (const step of [1, 17, 3999, 4000, 4001, 100_000]) {
    const paper = dim ** -0.5 * Math.min(step ** -0.5, step * warmup ** -1.5)
    const rate = learningRate(transformerRate(dim, warmup), { decay: "rsqrt", warmup, final: 0 }, step - 1, 100_000)
    expect(Math.abs(rate / paper - 1)).toBeLessThan(1e-12)
  }
  expect(() => transformerRate(0, 4000)).toThrow("must be positive")
})

import type { Tensor } from "@vitrine/core"
import fc from "fast-check"
import type { Draw } from "../draw.ts"

/** A small computation. It draws its inputs and returns the tensors to compare with the reference. */
export type Build = (draw: Draw) => Tensor | readonly Tensor[]

/**
 * A computation with drawn parameters, which stands for many. A failure is reduced to the simplest computation that
 * fails.
 */
export interface Property {
  readonly check: (verify: (build: Build) => Promise<void>) => Promise<void>
}

/** The variants of a case. A variant's name says what is special about it. */
export type Case = Readonly<Record<string, Build | Property>>

export function property<T>(
  arbitrary: fc.Arbitrary<T>,
  build: (draw: Draw, parameters: T) => ReturnType<Build>,
): Property {
  return {
    check: (verify) =>
      fc.assert(
        fc.asyncProperty(arbitrary, (parameters) => verify((draw) => build(draw, parameters))),
        { seed: 20, numRuns: 5 },
      ),
  }
}

export const size: fc.Arbitrary<number> = fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 7 }))

/** Shapes of rank `least` to `most`. */
export function shapes(least = 0, most = 4): fc.Arbitrary<number[]> {
  return fc.array(size, { minLength: least, maxLength: most })
}

/** Shapes that broadcast to the first one. Some axes of the others are 1 or missing. */
export function broadcastable(count: number): fc.Arbitrary<number[][]> {
  return shapes().chain((shape) =>
    fc
      .array(
        fc.tuple(fc.nat(shape.length), fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length })),
        { minLength: count - 1, maxLength: count - 1 },
      )
      .map((choices) => [
        shape,
        ...choices.map(([drop, ones]) => shape.map((dim, i) => (ones[i] ? 1 : dim)).slice(drop)),
      ]),
  )
}

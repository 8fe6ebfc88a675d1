import { VitrineError } from "@vitrine/core"
import { float16Bits } from "@vitrine/core/backend"
import { describe, expect, it } from "vitest"

/** What a binary16 says, by its definition. */
function value(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 0x3ff]
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

const finite = Array.from({ length: 0x7c00 }, (_, bits) => bits)

describe("float16Bits", () => {
  it("keeps all that float16 can hold", () => {
    const bits = [...finite, ...finite.map((each) => each | 0x8000)]
    expect([...float16Bits(Float32Array.from(bits, value), "x")]).toEqual(bits)
  })

  it("rounds to nearest, and ties to even", () => {
    const tie = float16Bits(
      Float32Array.from(finite.slice(0, -1), (bits) => (value(bits) + value(bits + 1)) / 2),
      "x",
    )
    expect([...tie]).toEqual(finite.slice(0, -1).map((bits) => bits + (bits % 2)))
    const above = float16Bits(
      Float32Array.from(finite.slice(0, -1), (bits) => value(bits) * 0.49 + value(bits + 1) * 0.51),
      "x",
    )
    expect([...above]).toEqual(finite.slice(1))
  })

  it("keeps infinities and NaN, and refuses what is too large", () => {
    const [a, b, c] = float16Bits(Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN), "x")
    expect([a, b]).toEqual([0x7c00, 0xfc00])
    expect((c as number) & 0x7c00).toBe(0x7c00)
    expect((c as number) & 0x3ff).not.toBe(0)
    expect([...float16Bits(Float32Array.of(65519.99), "x")]).toEqual([0x7bff])
    expect(() => float16Bits(Float32Array.of(1, -65520), "head.weight")).toThrow(VitrineError)
    expect(() => float16Bits(Float32Array.of(1, -65520), "head.weight")).toThrow(/"head\.weight" holds -65520/)
  })
})

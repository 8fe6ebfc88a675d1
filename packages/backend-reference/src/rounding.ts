import type { DType } from "@vitrine/core"

const bits = new DataView(new ArrayBuffer(4))

/**
 * Rounds to `mantissa` bits after the leading one, to nearest, ties to even. Numbers below exponent `least` are
 * subnormal.
 */
function roundMantissa(x: number, mantissa: number, least: number, largest: number): number {
  if (x === 0 || !Number.isFinite(x)) return x
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), least)
  const unit = 2 ** (exponent - mantissa)
  const scaled = x / unit
  const floor = Math.floor(scaled)
  const fraction = scaled - floor
  const rounded = (fraction > 0.5 || (fraction === 0.5 && floor % 2 !== 0) ? floor + 1 : floor) * unit
  return Math.abs(rounded) > largest ? Math.sign(x) * Number.POSITIVE_INFINITY : rounded
}

/**
 * The value after storage in `dtype`. float32 keeps double precision, since other backends are compared with this one.
 */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype) {
    case "float16":
      return roundMantissa(x, 10, -14, 65504)
    case "bfloat16": {
      bits.setFloat32(0, x)
      const word = bits.getUint32(0)
      if (!Number.isFinite(x)) return x
      bits.setUint32(0, (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000)
      return bits.getFloat32(0)
    }
    case "int32":
      return Math.trunc(x)
    case "bool":
      return x === 0 ? 0 : 1
    case "float32":
      return x
  }
}

import { VitrineError } from "../errors.ts"

/**
 * The bits of values in IEEE 754 binary16, rounded to nearest, ties to even.
 * @param name the tensor's, for errors.
 * @throws VitrineError (config) for a finite value that float16 cannot hold.
 */
export function float16Bits(values: Float32Array, name: string): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number
    const sign = (word >>> 16) & 0x8000
    const magnitude = word & 0x7fffffff
    if (magnitude >= 0x477ff000 && magnitude < 0x7f800000)
      throw new VitrineError("config", `"${name}" holds ${values[i]}, which float16 cannot (its largest is 65504)`)
    if (magnitude >= 0x7f800000) bits[i] = sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0)
    else if (magnitude >= 0x38800000) {
      // Half of the last bit that stays, minus one if that bit is even. To add this rounds to nearest, ties to even.
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
      bits[i] = sign | ((rounded >>> 13) - (112 << 10))
    } else bits[i] = sign | roundHalfEven(Math.abs(values[i] as number) * 2 ** 24)
  }
  return bits
}

function roundHalfEven(x: number): number {
  const low = Math.floor(x)
  const fraction = x - low
  return fraction > 0.5 || (fraction === 0.5 && low % 2 === 1) ? low + 1 : low
}

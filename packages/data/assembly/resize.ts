// The two passes of a resize in WebAssembly SIMD. A weight w of 24 bits is split as w = high · 2^15 + low, so that two
// 16-bit products are added by one instruction; the sums wrap around, and come out right because their total fits 32 bits.
// All pointers are laid out by src/resize/wasm.ts, with 16 spare bytes behind each region, because vectors read and write
// past the end of a row.

const HALF: i32 = 1 << 21

function clip(sum: v128): v128 {
  const shifted = i32x4.shr_s(sum, 22)
  const words = i16x8.narrow_i32x4_s(shifted, shifted)
  return i8x16.narrow_i16x8_u(words, words)
}

function total(low: v128, high: v128): v128 {
  return i32x4.add(i32x4.add(low, i32x4.shl(high, 15)), i32x4.splat(HALF))
}

/** Three or four channels. Weights: for each column `pairs` times low, low, high, high as 16-bit numbers. */
export function horizontal(
  source: usize,
  target: usize,
  bounds: usize,
  weights: usize,
  rows: i32,
  inWidth: i32,
  outWidth: i32,
  channels: i32,
  pairs: i32,
): void {
  // Two neighbours of three or four bytes become pairs of 16-bit numbers, channel by channel.
  const order =
    channels == 3
      ? i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
      : i8x16(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1)
  const step = channels * 2
  const stride = inWidth * channels
  const outStride = outWidth * channels
  // Two rows share their weights. If their number is odd, the last one is done twice.
  for (let y = 0; y < rows; y += 2) {
    const second = y + 1 < rows ? stride : 0
    const outSecond = y + 1 < rows ? outStride : 0
    let weight = weights
    for (let x = 0; x < outWidth; x++) {
      let at = source + y * stride + load<i32>(bounds + (x << 2)) * channels
      let low = i32x4.splat(0)
      let high = i32x4.splat(0)
      let low2 = i32x4.splat(0)
      let high2 = i32x4.splat(0)
      for (let k = 0; k < pairs; k++) {
        const lowWeight = v128.load32_splat(weight)
        const highWeight = v128.load32_splat(weight + 4)
        const pixels = i8x16.swizzle(v128.load64_zero(at), order)
        const pixels2 = i8x16.swizzle(v128.load64_zero(at + second), order)
        low = i32x4.add(low, i32x4.dot_i16x8_s(pixels, lowWeight))
        high = i32x4.add(high, i32x4.dot_i16x8_s(pixels, highWeight))
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pixels2, lowWeight))
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pixels2, highWeight))
        weight += 8
        at += step
      }
      v128.store32_lane(target + outSecond, clip(total(low2, high2)), 0)
      const pixel = clip(total(low, high))
      // Four bytes of the last pixel would reach into the next row, which is there already.
      if (channels == 3 && x == outWidth - 1) {
        v128.store16_lane(target, pixel, 0)
        v128.store8_lane(target, pixel, 2, 2)
      } else v128.store32_lane(target, pixel, 0)
      target += channels
    }
    target += outStride
  }
}

/** One channel. Weights: for each column `groups` times eight low, then eight high. */
export function horizontalGray(
  source: usize,
  target: usize,
  bounds: usize,
  weights: usize,
  rows: i32,
  inWidth: i32,
  outWidth: i32,
  groups: i32,
): void {
  for (let y = 0; y < rows; y++) {
    let weight = weights
    for (let x = 0; x < outWidth; x++) {
      let at = source + y * inWidth + load<i32>(bounds + (x << 2))
      let low = i32x4.splat(0)
      let high = i32x4.splat(0)
      for (let k = 0; k < groups; k++) {
        const pixels = i16x8.extend_low_i8x16_u(v128.load64_zero(at))
        low = i32x4.add(low, i32x4.dot_i16x8_s(pixels, v128.load(weight)))
        high = i32x4.add(high, i32x4.dot_i16x8_s(pixels, v128.load(weight, 16)))
        weight += 32
        at += 8
      }
      const sums = i32x4.add(low, i32x4.shl(high, 15))
      const sum =
        HALF +
        i32x4.extract_lane(sums, 0) +
        i32x4.extract_lane(sums, 1) +
        i32x4.extract_lane(sums, 2) +
        i32x4.extract_lane(sums, 3)
      store<u8>(target++, max(0, min(255, sum >> 22)))
    }
  }
}

/** Any number of channels. Weights: for each row `pairs` times low, low, high, high. */
export function vertical(
  source: usize,
  target: usize,
  bounds: usize,
  weights: usize,
  rowBytes: i32,
  outRows: i32,
  pairs: i32,
): void {
  for (let y = 0; y < outRows; y++) {
    const first = source + load<i32>(bounds + (y << 2)) * rowBytes
    for (let x = 0; x < rowBytes; x += 16) {
      let low0 = i32x4.splat(0)
      let low1 = i32x4.splat(0)
      let low2 = i32x4.splat(0)
      let low3 = i32x4.splat(0)
      let high0 = i32x4.splat(0)
      let high1 = i32x4.splat(0)
      let high2 = i32x4.splat(0)
      let high3 = i32x4.splat(0)
      let at = first + x
      let weight = weights
      for (let k = 0; k < pairs; k++) {
        const a = v128.load(at)
        const b = v128.load(at + rowBytes)
        const left = v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
        const right = v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
        const p0 = i16x8.extend_low_i8x16_u(left)
        const p1 = i16x8.extend_high_i8x16_u(left)
        const p2 = i16x8.extend_low_i8x16_u(right)
        const p3 = i16x8.extend_high_i8x16_u(right)
        const low = v128.load32_splat(weight)
        const high = v128.load32_splat(weight + 4)
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(p0, low))
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(p1, low))
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(p2, low))
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(p3, low))
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(p0, high))
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(p1, high))
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(p2, high))
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(p3, high))
        weight += 8
        at += rowBytes << 1
      }
      const first2 = i16x8.narrow_i32x4_s(i32x4.shr_s(total(low0, high0), 22), i32x4.shr_s(total(low1, high1), 22))
      const last2 = i16x8.narrow_i32x4_s(i32x4.shr_s(total(low2, high2), 22), i32x4.shr_s(total(low3, high3), 22))
      v128.store(target + x, i8x16.narrow_i16x8_u(first2, last2))
    }
    weights += pairs << 3
    target += rowBytes
  }
}

/**
 * (x / 255 − mean) / std of each byte x, as 32-bit numbers. The channels come round every three vectors at most: `means`
 * has three vectors of means, and then three of deviations. 12 bytes are done at a time.
 */
export function normalize(source: usize, target: usize, means: usize, count: i32): void {
  const mean0 = v128.load(means)
  const mean1 = v128.load(means, 16)
  const mean2 = v128.load(means, 32)
  const std0 = v128.load(means, 48)
  const std1 = v128.load(means, 64)
  const std2 = v128.load(means, 80)
  const most = f32x4.splat(255)
  for (let i = 0; i < count; i += 12) {
    const bytes = v128.load(source + i)
    const low = i16x8.extend_low_i8x16_u(bytes)
    const high = i16x8.extend_high_i8x16_u(bytes)
    const x0 = f32x4.div(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(low)), most)
    const x1 = f32x4.div(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(low)), most)
    const x2 = f32x4.div(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(high)), most)
    v128.store(target, f32x4.div(f32x4.sub(x0, mean0), std0))
    v128.store(target, f32x4.div(f32x4.sub(x1, mean1), std1), 16)
    v128.store(target, f32x4.div(f32x4.sub(x2, mean2), std2), 32)
    target += 48
  }
}

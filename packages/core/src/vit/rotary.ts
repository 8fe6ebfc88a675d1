import type { Turn } from "../nn/rotary.ts"
import type { Scope } from "../nn/scope.ts"
import { add, constant, cos, mul, reshape, sin, slice } from "../tensor/ops.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { RotaryPositions, ViTConfig } from "./config.ts"
import { patchGrid, prefixTokens, rotaryPositions } from "./geometry.ts"

/**
 * The rotations of queries and keys for each block, or null in a model without rotary positions. Tokens before the
 * patches are not rotated. Tables are computed in float64 and stored in float32. With learned frequencies each block
 * and head has other rotations.
 */
export function rotaryTurns(scope: Scope, config: ViTConfig): ((block: number) => Turn) | null {
  const rotary = rotaryPositions(config)
  if (rotary === null) return null
  const { pairs, frequencies } = rotary
  const places = coordinates(config, rotary)
  const tokens = places.length
  if (frequencies === "fixed") {
    const bands = fixedFrequencies(config, rotary)
    const angles = places.flatMap((place) => place.flatMap((coordinate) => bands.map((band) => coordinate * band)))
    const table = (f: (angle: number) => number): Tensor =>
      constant(Float32Array.from(angles, f), [tokens, 2 * bands.length])
    const turn: Turn = { cos: table(Math.cos), sin: table(Math.sin), pairs }
    return () => turn
  }
  const { depth, heads, dim } = config
  const half = dim / heads / 2
  const values = scope.at("rope").param("freqs", [2, depth, heads, half], "frequencies")
  const along = (axis: 0 | 1): Tensor =>
    constant(
      Float32Array.from(places, (place) => place[axis]),
      [tokens, 1],
    )
  const [first, second] = [along(0), along(1)]
  return (block) => {
    const ofAxis = (axis: number): Tensor =>
      reshape(slice(slice(values, 0, axis, axis + 1), 1, block, block + 1), [heads, 1, half])
    const angles = add(mul(first, ofAxis(0)), mul(second, ofAxis(1))) // [heads, tokens, half]
    return { cos: cos(angles), sin: sin(angles), pairs }
  }
}

type Place = readonly [first: number, second: number]

/** The coordinates of each token, in the order of `axes`. Tokens before the patches have 0. */
function coordinates(config: ViTConfig, { axes, centres, offset, reference }: RotaryPositions): readonly Place[] {
  const [rows, columns] = patchGrid(config)
  const along = (size: number, referenceSize: number | undefined): readonly number[] =>
    Array.from({ length: size }, (_, i) => {
      if (centres) return 2 * ((i + 0.5 + offset) / size) - 1
      return referenceSize === undefined ? i + offset : ((i + offset) / size) * referenceSize
    })
  const [down, across] = [along(rows, reference?.[0]), along(columns, reference?.[1])]
  const patches = down.flatMap((y) => across.map((x): Place => (axes === "ij" ? [y, x] : [x, y])))
  return [...Array.from({ length: prefixTokens(config) }, (): Place => [0, 0]), ...patches]
}

/**
 * The angles of one step along an axis. There is one for each quarter of a head's width, and both axes have the same
 * angles.
 */
function fixedFrequencies({ dim, heads }: ViTConfig, { centres, temperature }: RotaryPositions): readonly number[] {
  const count = dim / heads / 4
  return Array.from({ length: count }, (_, i) => (centres ? 2 * Math.PI : 1) / temperature ** (i / count))
}

/**
 * The sinusoids of section 3.5, `[length, dim]`: column 2i holds sin(p / 10000^(2i / dim)), column 2i + 1 the cosine of
 * the same number.
 */
export function sinusoidPositions(length: number, dim: number): Float32Array {
  const table = new Float32Array(length * dim)
  for (let p = 0; p < length; p++)
    for (let j = 0; j < dim; j++) {
      const angle = p / 10000 ** ((j - (j % 2)) / dim)
      table[p * dim + j] = j % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
    }
  return table
}

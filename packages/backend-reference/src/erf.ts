/**
 * The error function to fourteen digits. Below 2.5 it is the Maclaurin series, above it is the continued fraction of
 * the complementary function (Abramowitz and Stegun 7.1.14).
 */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (Number.isNaN(x)) return x
  if (a > 6) return Math.sign(x)
  if (a < 2.5) {
    let term = x
    let total = x
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total) && n < 200; n++) {
      term *= -(x * x) / n
      total += term / (2 * n + 1)
    }
    return (total * 2) / Math.sqrt(Math.PI)
  }
  let fraction = a
  for (let n = 60; n >= 1; n--) fraction = a + n / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * fraction))
}

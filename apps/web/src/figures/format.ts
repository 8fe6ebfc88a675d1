/** Formats a number with six significant digits and a true minus sign. */
export function format(value: number, digits = 6): string {
  if (value === 0) return "0"
  const size = Math.abs(value)
  const text = size < 1e-4 || size >= 1e7 ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)))
  return text.replaceAll("-", "−")
}

/** Formats a number with three significant digits, for labels. */
export const brief = (value: number): string => format(value, 3)

/** 0.9231 → "92.3 %" */
export const percent = (share: number): string => `${(100 * share).toFixed(share > 0.0995 || share === 0 ? 1 : 2)} %`

/** 86567656 → "86.6 M" */
export function count(n: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const)
    if (n >= size) return `${(n / size).toPrecision(3)} ${unit}`
  return String(n)
}

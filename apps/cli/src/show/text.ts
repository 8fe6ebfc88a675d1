import { escapeControls } from "@vitrine/core/errors"
import { colors } from "../output.ts"

/** Formats a count with commas. */
export const count = (n: number): string => Math.round(n).toLocaleString("en-US")
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`

/**
 * Formats a number with four significant digits, without zeros at the end. Tiny and huge numbers have powers of ten.
 */
export function short(n: number): string {
  if (n === 0 || !Number.isFinite(n)) return String(n)
  const size = Math.abs(n)
  if (size < 1e-3 || size >= 1e5)
    return n
      .toExponential(2)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e")
  return String(Number(n.toPrecision(4)))
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  const two = (n: number): string => String(n).padStart(2, "0")
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}

export function bytes(n: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"]
  const power = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3))
  return `${Number((n / 1000 ** power).toPrecision(3))} ${units[power]}`
}

/** Formats a number with three significant digits and the prefix of a power of a thousand, as in 6.95 M. */
export function metric(n: number): string {
  const prefixes = ["", "k", "M", "G", "T", "P", "E", "Z"]
  const power = n < 1 ? 0 : Math.min(prefixes.length - 1, Math.floor(Math.log10(n) / 3 + 1e-12))
  return `${Number((n / 1000 ** power).toPrecision(3))} ${prefixes[power]}`.trimEnd()
}

/** A path as a word of a POSIX shell, which has control characters by their numbers. */
export function quoted(path: string): string {
  if (/^[\w@%+=:,./-]+$/.test(path) && !path.startsWith("-")) return path
  if (printable(path) === path) return `'${path.replaceAll("'", "'\\''")}'`
  return `$'${printable(path.replace(/[\\']/g, "\\$&"))}'`
}

/** Columns as wide as their longest cell. The columns in `right` are aligned at the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

/** A table whose first row has titles, in bold. */
export function titledTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  right?: readonly number[],
): string {
  const [first = "", ...lines] = table([titles, ...rows], right).split("\n")
  return [colors.bold(first), ...lines].join("\n")
}

/** Escapes the control characters of a text from a file, so that it cannot drive a terminal. */
export const printable = escapeControls

import { pools } from "@vitrine/core"
import { InvalidArgumentError } from "commander"
import type { Shard } from "../shard.ts"

type Parser<T> = (text: string) => T

/** A number of the command line that satisfies `holds`. */
function numberValue(holds: (n: number) => boolean, what: string): Parser<number> {
  return (text) => {
    const n = text.trim() === "" ? Number.NaN : Number(text)
    if (!holds(n)) throw new InvalidArgumentError(`Give ${what}.`)
    return n
  }
}

export const integerValue = (least: number): Parser<number> =>
  numberValue((n) => Number.isSafeInteger(n) && n >= least, `a whole number of ${least} or more`)

export const positiveValue: Parser<number> = numberValue((n) => n > 0 && n < Infinity, "a number above 0")

/** Bytes: a number such as 8e9, or with a unit as in 8GB. */
export const bytesValue: Parser<number> = (text) => {
  const [, digits = "", unit = ""] = /^([\d.e+]+)\s*([KMGT]?)B?$/i.exec(text.trim()) ?? []
  return positiveValue(digits) * 1000 ** ["", "K", "M", "G", "T"].indexOf(unit.toUpperCase())
}

export const nonNegativeValue: Parser<number> = numberValue((n) => n >= 0 && n < Infinity, "0 or a number above")

/** In [0, 1). */
export const fractionValue: Parser<number> = numberValue((n) => n >= 0 && n < 1, "a number from 0 to below 1")

/** In [0, 1]. */
export const unitValue: Parser<number> = numberValue((n) => n >= 0 && n <= 1, "a number from 0 to 1")

/** In (0, 1]. */
export const shareValue: Parser<number> = numberValue((n) => n > 0 && n <= 1, "a number above 0, up to 1")

/** A step, or a word that means a checkpoint. */
export const checkpointValue: Parser<"last" | "best" | number> = (text) => {
  if (text === "last" || text === "best") return text
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("Give last, best, or the step of a checkpoint.")
  return Number(text)
}

/** A part, from 1 on, and the number of parts, as in `3/7`. */
export const shardValue: Parser<Shard> = (text) => {
  const [, index = 0, count = 0] = (/^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text) ?? []).map(Number)
  if (index === 0 || index > count) throw new InvalidArgumentError("Give a part and the number of parts, as in 3/7.")
  return { index, count }
}

/** `48`, or height and width as in `48x40`. */
export const sizeValue: Parser<readonly [number, number]> = (text) => {
  const [, height, width = height] = /^([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4}))?$/.exec(text) ?? []
  if (height === undefined) throw new InvalidArgumentError("Give a side, or height and width as in 48x40.")
  return [Number(height), Number(width)]
}

/** A number such as `5`, or the least and the greatest one as in `1-5`. */
export const rangeValue: Parser<readonly [number, number]> = (text) => {
  const [, least, most = least] = /^([1-9]\d{0,3})(?:-([1-9]\d{0,3}))?$/.exec(text) ?? []
  if (least === undefined || Number(most) < Number(least))
    throw new InvalidArgumentError("Give a number, or the least and the most as in 1-5.")
  return [Number(least), Number(most)]
}

/** In [0.1, 1]. */
export const cropValue: Parser<number> = numberValue((n) => n >= 0.1 && n <= 1, "a number from 0.1 to 1")

const perChannel =
  (holds: (n: number) => boolean, what: string): Parser<readonly number[]> =>
  (text) =>
    text.split(",").map(numberValue(holds, `${what} for each channel, as in 0.5,0.5,0.5, or one for all`))

export const numbersValue: Parser<readonly number[]> = perChannel(Number.isFinite, "a number")

export const positivesValue: Parser<readonly number[]> = perChannel((n) => n > 0 && n < Infinity, "a number above 0")

/** Whole numbers of 1 or more, separated by commas. */
export const countsValue: Parser<readonly number[]> = (text) => text.split(",").map(integerValue(1))

/** Names, separated by commas. */
export const namesValue: Parser<readonly string[]> = (text) => {
  const names = text.split(",").map((name) => name.trim())
  if (names.includes("")) throw new InvalidArgumentError("Give names with commas between them.")
  return names
}

type Pool = Exclude<(typeof pools)[number], "token+average">

/** The input of a head, in timm's spelling or the library's. */
export const poolValue: Parser<Pool> = (text) => {
  const pool = text === "avg" ? "average" : pools.find((each) => each === text)
  if (pool === undefined || pool === "token+average") throw new InvalidArgumentError("Give avg, token or map.")
  return pool
}

/** A positive number, or `off`. */
export const positiveOrOff: Parser<number | "off"> = (text) => (text === "off" ? text : positiveValue(text))

/** Names, separated by commas. A repeated flag adds more. */
export const moreNamesValue = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...namesValue(text),
]

/** The same as `moreNamesValue`, but each name must be one of `choices`. */
export function choicesValue<T extends string>(
  choices: readonly T[],
): (text: string, before?: readonly T[]) => readonly T[] {
  return (text, before = []) => {
    const names = text.split(",").map((name) => choices.find((choice) => choice === name.trim()))
    const chosen = names.filter((name) => name !== undefined)
    if (chosen.length < names.length) throw new InvalidArgumentError(`Give some of ${choices.join(", ")}.`)
    return [...before, ...chosen]
  }
}

/** `class`, `mean`, or a patch by row and column as in `3,5`. */
export const queryValue: Parser<"class" | "mean" | number | { readonly row: number; readonly column: number }> = (
  text,
) => {
  if (text === "class" || text === "mean") return text
  if (/^\d{1,4}$/.test(text)) return Number(text)
  const [, row, column] = /^(\d{1,4}),(\d{1,4})$/.exec(text) ?? []
  if (row === undefined) throw new InvalidArgumentError("Give class, mean, or row and column of a patch as in 3,5.")
  return { row: Number(row), column: Number(column) }
}

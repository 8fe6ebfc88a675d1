import { at } from "./at.ts"

/**
 * The indices of each number from 0 to `count` - 1 in a list. There may be millions of them: they are parts of one array.
 * Other numbers, such as -1, are left out.
 */
export function grouped(numbers: ArrayLike<number>, count: number): readonly Uint32Array[] {
  const ends = new Uint32Array(count + 1)
  const isIn = (number: number): boolean => number >= 0 && number < count
  for (let i = 0; i < numbers.length; i++) {
    const number = at(numbers, i)
    if (isIn(number)) ends[number + 1] = at(ends, number + 1) + 1
  }
  for (let number = 0; number < count; number++) ends[number + 1] = at(ends, number) + at(ends, number + 1)
  const starts = ends.slice()
  const all = new Uint32Array(at(ends, count))
  for (let i = 0; i < numbers.length; i++) {
    const number = at(numbers, i)
    if (!isIn(number)) continue
    const place = at(ends, number)
    all[place] = i
    ends[number] = place + 1
  }
  return Array.from({ length: count }, (_, number) => all.subarray(at(starts, number), at(starts, number + 1)))
}

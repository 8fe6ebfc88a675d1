/** A name that is free: the wish, or the wish with a number. */
export function freeName(wish: string, isTaken: (name: string) => boolean): string {
  let name = wish
  for (let i = 2; isTaken(name); i++) name = `${wish} ${i}`
  return name
}

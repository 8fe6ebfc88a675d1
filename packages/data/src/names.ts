/** Names, in an array or in buffers that threads share. */
export interface NameList extends Iterable<string> {
  readonly length: number
  at(index: number): string | undefined
}

/** The names that a function gives, each when it is read. */
export function mapped(names: NameList, change: (name: string) => string): NameList {
  return {
    length: names.length,
    at(index) {
      const name = names.at(index)
      return name === undefined ? undefined : change(name)
    },
    *[Symbol.iterator]() {
      for (const name of names) yield change(name)
    },
  }
}

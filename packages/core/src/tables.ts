/** Whether a table has a row of this name. */
export function hasRow<T extends object>(table: T, name: unknown): name is keyof T & string {
  return typeof name === "string" && Object.hasOwn(table, name)
}

/** The names of a table's rows, in their order. */
export function rowNames<T extends object>(table: T): readonly (keyof T & string)[] {
  return Object.keys(table).filter((name) => hasRow(table, name))
}

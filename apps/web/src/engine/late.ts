/** The methods of an object whose code is fetched at the first call. After a failure the next call tries again. */
export function late<T extends object>(open: () => Promise<T>): T {
  let opening: Promise<T> | undefined
  const target = (): Promise<T> => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  const call =
    (name: string | symbol) =>
    async (...values: readonly unknown[]): Promise<unknown> => {
      const method: unknown = Reflect.get(await target(), name)
      if (typeof method !== "function") throw new TypeError(`${String(name)} is no method`)
      return Reflect.apply(method, undefined, values)
    }
  const methods = new Map<string | symbol, ReturnType<typeof call>>()
  return new Proxy<T>(Object.create(null), {
    get: (_, name) => {
      const method = methods.get(name) ?? call(name)
      methods.set(name, method)
      return method
    },
  })
}

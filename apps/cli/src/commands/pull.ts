import { fetchModel } from "../hub.ts"
import { note, print } from "../output.ts"
import { bytes } from "../show/text.ts"

/** Fetches a model of the hub and prints where it lies. */
export async function pull(model: string, { json }: { readonly json?: true }): Promise<void> {
  const { name, path, commit, fetched } = await fetchModel(model)
  if (json) return print(JSON.stringify({ model: name, commit, path, fetched }))
  note(fetched === 0 ? "There already:" : `${bytes(fetched)} fetched:`)
  print(path)
}

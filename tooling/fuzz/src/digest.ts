import { createHash } from "node:crypto"

interface Hash {
  update(part: string | Uint8Array): unknown
}

/** Weights in a file, which are read one by one. */
interface LazyTensors {
  readonly tensors: readonly { readonly name: string }[]
  read(name: string): Promise<unknown>
}

/**
 * A hash of what a parser has read: numbers, texts, bytes and tensors, but no functions.
 * @param folder the folder of its files, which has another name in each process
 */
export async function digestOf(value: unknown, folder: string): Promise<string> {
  const hash = createHash("sha256")
  await add(
    { update: (part) => hash.update(typeof part === "string" ? part.replaceAll(folder, "") : part) },
    value,
    new Set(),
  )
  return hash.digest("hex")
}

async function add(hash: Hash, value: unknown, around: ReadonlySet<object>): Promise<void> {
  if (typeof value === "function") return
  if (typeof value !== "object" || value === null) {
    hash.update(`${typeof value} ${Object.is(value, -0) ? "-0" : String(value)};`)
    return
  }
  if (around.has(value)) return
  const inside = new Set(around).add(value)
  if (ArrayBuffer.isView(value)) {
    hash.update(`${value.constructor.name} ${value.byteLength};`)
    hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    return
  }
  if (isLazy(value)) for (const { name } of value.tensors) await add(hash, await value.read(name), inside)
  const entries: readonly (readonly [unknown, unknown])[] =
    value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value)
  hash.update(`${entries.length} {`)
  for (const [key, entry] of entries) {
    hash.update(`${String(key)}:`)
    await add(hash, entry, inside)
  }
  hash.update("}")
}

const isLazy = (value: object): value is LazyTensors =>
  "tensors" in value && Array.isArray(value.tensors) && "read" in value && typeof value.read === "function"

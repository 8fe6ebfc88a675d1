import type { StorageDType } from "@vitrine/archive"
import { fileError, shown } from "./errors.ts"
import type { TensorInfo } from "./safetensors.ts"

/** The dtypes that weights can have. */
const fractional: readonly StorageDType[] = ["F32", "F16", "BF16", "F64"]

/** The number of faults of one kind that an error names. It only counts the rest. */
const mostNames = 3

/**
 * Checks that a file holds exactly the tensors of a model, with their names and shapes and with a floating-point dtype.
 * @throws VitrineError (file) with the missing, misshapen and unexpected tensors on one line.
 */
export function checkTensors(
  header: { readonly tensors: readonly (Pick<TensorInfo, "name" | "shape"> & { readonly dtype?: StorageDType })[] },
  expected: readonly { readonly name: string; readonly shape: readonly number[] }[],
  file: string,
): void {
  const tensors = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  const missing: string[] = []
  const misshapen: string[] = []
  const integers: string[] = []
  for (const { name, shape } of expected) {
    const tensor = tensors.get(name)
    tensors.delete(name)
    if (tensor === undefined) missing.push(shown(name))
    else if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis]))
      misshapen.push(`${shown(name)} is [${tensor.shape.join(", ")}], not [${shape.join(", ")}]`)
    else if (tensor.dtype !== undefined && !fractional.includes(tensor.dtype))
      integers.push(`${shown(name)} is ${tensor.dtype}, not one of ${fractional.join(", ")}`)
  }
  // transformers writes tokens that a model has none of.
  const others = [...tensors.values()].filter(({ shape }) => !shape.includes(0)).map(({ name }) => name)
  const names = expected.map(({ name }) => name)
  const twin = missing.length === 0 ? secondCopy(names, others) : undefined
  if (twin !== undefined)
    throw fileError(
      file,
      `holds two models, under ${shown(commonPrefix(names))} and ${shown(twin)}: keep the tensors of one`,
    )
  const unexpected = others.map(shown)
  const faults = faultsOf({ missing, "wrong shape": misshapen, "wrong dtype": integers, unexpected })
  if (faults !== "") throw fileError(file, `does not hold the model's tensors; ${faults}`)
}

/** Lists of names under the kind of their fault, in one line. The line is empty if all lists are. */
export function faultsOf(faults: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(faults)
    .filter(([, list]) => list.length > 0)
    .map(([what, list]) => {
      const rest = list.length - mostNames
      return `${what}: ${list.slice(0, mostNames).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`
    })
    .join("; ")
}

/** The prefix under which a file has all names of a model again, such as `model_ema.`; undefined if it has not. */
function secondCopy(names: readonly string[], others: readonly string[]): string | undefined {
  const length = commonPrefix(names).length
  const bare = names.map((name) => name.slice(length))
  const [first] = bare
  if (first === undefined) return undefined
  const found = new Set(others)
  const prefixes = others.flatMap((name) => (name.endsWith(first) ? [name.slice(0, -first.length)] : []))
  return prefixes.find((prefix) => bare.every((name) => found.has(prefix + name)))
}

/** The beginning that names share, up to a dot. */
function commonPrefix(names: readonly string[]): string {
  const [first = "", ...others] = names
  let length = first.lastIndexOf(".") + 1
  while (length > 0 && !others.every((name) => name.startsWith(first.slice(0, length))))
    length = first.lastIndexOf(".", length - 2) + 1
  return first.slice(0, length)
}

import type { StorageDType } from "./dtype.ts"
import { fileError, shown } from "./errors.ts"
import type { TensorInfo } from "./safetensors.ts"

/** What weights are made of. */
const fractional: readonly StorageDType[] = ["F32", "F16", "BF16", "F64"]

/** Faults that are spelt out; the rest are counted. */
const named = 3

/**
 * Checks that a file holds exactly the tensors that a model needs, by name and shape, in numbers that can be weights.
 * @throws VitrineError (file): one line with the missing, misshapen and unexpected tensors.
 */
export function checkTensors(
  header: { readonly tensors: readonly (Pick<TensorInfo, "name" | "shape"> & { readonly dtype?: StorageDType })[] },
  expected: readonly { readonly name: string; readonly shape: readonly number[] }[],
  file: string,
): void {
  const found = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  const missing: string[] = []
  const misshapen: string[] = []
  const integers: string[] = []
  for (const { name, shape } of expected) {
    const tensor = found.get(name)
    found.delete(name)
    if (tensor === undefined) missing.push(shown(name))
    else if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis]))
      misshapen.push(`${shown(name)} is [${tensor.shape.join(", ")}], not [${shape.join(", ")}]`)
    else if (tensor.dtype !== undefined && !fractional.includes(tensor.dtype))
      integers.push(`${shown(name)} is ${tensor.dtype}, not one of ${fractional.join(", ")}`)
  }
  const unexpected = [...found.keys()].map(shown)
  const faults = faultsOf({ missing, "wrong shape": misshapen, "wrong dtype": integers, unexpected })
  if (faults !== "") throw fileError(file, `does not hold the model's tensors; ${faults}`)
}

/** Lists of tensors, as they are shown, by what is wrong with them: in words, empty if nothing is. */
export function faultsOf(faults: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(faults)
    .filter(([, list]) => list.length > 0)
    .map(([what, list]) => {
      const rest = list.length - named
      return `${what}: ${list.slice(0, named).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`
    })
    .join("; ")
}

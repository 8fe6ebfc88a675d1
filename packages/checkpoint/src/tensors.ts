import { fileError, shown } from "./errors.ts"
import type { TensorInfo } from "./safetensors.ts"

/** Faults that are spelt out; the rest are counted. */
const named = 3

/**
 * Checks that a file holds exactly the tensors that a model needs, by name and shape.
 * @throws VitrineError (file): one line with the missing, misshapen and unexpected tensors.
 */
export function checkTensors(
  header: { readonly tensors: readonly Pick<TensorInfo, "name" | "shape">[] },
  expected: readonly { readonly name: string; readonly shape: readonly number[] }[],
  file: string,
): void {
  const found = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  const missing: string[] = []
  const misshapen: string[] = []
  for (const { name, shape } of expected) {
    const tensor = found.get(name)
    found.delete(name)
    if (tensor === undefined) missing.push(shown(name))
    else if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis]))
      misshapen.push(`${shown(name)} is [${tensor.shape.join(", ")}], not [${shape.join(", ")}]`)
  }
  const faults = faultsOf({ missing, "wrong shape": misshapen, unexpected: [...found.keys()].map(shown) })
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

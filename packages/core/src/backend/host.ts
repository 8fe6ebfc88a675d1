import { VitrineError } from "../errors.ts"
import { elementCount, showShape } from "../tensor/shape.ts"
import type { TensorType } from "../tensor/tensor.ts"
import type { HostData } from "./contract.ts"

/**
 * Checks that the data of an input, a state or a constant exist and fill the shape, and returns them.
 * @param backend the backend's name, with which messages begin.
 * @throws VitrineError (backend) for missing data, or another number of values.
 */
export function checkedData(
  backend: string,
  name: string,
  data: HostData | undefined,
  { shape }: TensorType,
): HostData {
  if (data === undefined) throw new VitrineError("backend", `${backend}: ${name} is missing`)
  const size = elementCount(shape)
  if (data.length !== size)
    throw new VitrineError(
      "backend",
      `${backend}: ${name} needs ${size} values for ${showShape(shape)}, got ${data.length}`,
    )
  return data
}

import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import { type Backend, type HostData, ops, type Parameter, type State, type Tensor } from "@vitrine/core"
import { type Golden, tensor } from "@vitrine/golden"

export const backends: readonly { name: string; start: () => Backend | Promise<Backend>; tolerance: number }[] = [
  { name: "reference", start: referenceBackend, tolerance: 1e-9 },
  { name: "ONNX", start: () => onnxBackend({ worker: false }), tolerance: 1e-5 },
]

/** Parameters as leaves, one tensor a name. */
export function leaves(): { readonly param: (parameter: Parameter) => Tensor; readonly made: Map<string, Tensor> } {
  const made = new Map<string, Tensor>()
  const param = ({ name, shape }: Parameter): Tensor => {
    const leaf = made.get(name) ?? ops.state(name, shape)
    made.set(name, leaf)
    return leaf
  }
  return { param, made }
}

/** The tensors of a file whose names begin so, without that beginning. */
export function stripped({ tensors }: Golden, prefix: string): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(tensors).flatMap(([key, { data }]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), Float32Array.from(data)]] : [],
    ),
  )
}

/** In the precision of the file, for the reference keeps float64. */
export async function stateOf(backend: Backend, parameters: readonly Parameter[], file: Golden): Promise<State> {
  const slots = Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" as const }]))
  const values = Object.fromEntries(
    parameters.map(({ name }) => [name, tensor(file, `param.${name}`).data as HostData]),
  )
  return backend.createState(slots, values)
}

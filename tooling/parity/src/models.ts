import {
  type Backend,
  gradients,
  graph,
  ops,
  rootScope,
  type Tensor,
  type TensorType,
  vit,
  vitConfig,
} from "@vitrine/core"
import type { Golden, GoldenTensor } from "@vitrine/golden"
import { describe, expect, test } from "vitest"

export interface ModelParityOptions {
  /** How far values may be apart: `max|Δ| ≤ max(absolute, relative · max|expected|)`. */
  readonly tolerance?: { readonly absolute: number; readonly relative: number }
  /** Whether gradients are compared too. */
  readonly gradients?: boolean
}

/**
 * Registers a test for each golden model (`vit-*`, `rotary-*` and others of @vitrine/golden, by name). Logits and the
 * outputs of blocks must equal timm's in float64.
 */
export function modelParity(
  engine: string,
  makeBackend: () => Promise<Backend>,
  models: Readonly<Record<string, () => Promise<Golden>>>,
  options: ModelParityOptions = {},
): void {
  describe(`timm's models, in ${engine}`, () => {
    for (const [name, read] of Object.entries(models))
      test(name, async () => {
        const shares = await differences(makeBackend, await read(), options)
        expect(Object.fromEntries([...shares].filter(([, share]) => !(share <= 1)))).toEqual({})
      })
  })
}

/** The largest difference of each output, in shares of the tolerance. */
async function differences(
  makeBackend: () => Promise<Backend>,
  { json, tensors }: Golden,
  {
    tolerance: { absolute, relative } = { absolute: 2e-5, relative: 1e-5 },
    gradients: differentiated = false,
  }: ModelParityOptions,
): Promise<ReadonlyMap<string, number>> {
  const tensor = (name: string): GoldenTensor => {
    const value = tensors[name]
    if (value === undefined) throw new Error(`no tensor ${name}`)
    return value
  }
  const config = vitConfig(json.config)
  const parameters = new Map<string, Tensor>()
  const blocks: Record<string, Tensor> = {}
  const names = Array.from({ length: config.depth }, (_, i) => `blocks.${i}`)
  const scope = rootScope({
    param: ({ name, shape }) => {
      const parameter = parameters.get(name) ?? ops.state(name, shape)
      parameters.set(name, parameter)
      return parameter
    },
    taps: names.map((name) => `${name}.residual2`),
    onTap: (name, t) => void (blocks[`tap.${name.replace(".residual2", "")}`] = t),
  })
  const logits = vit(scope, ops.input("images", tensor("images").shape), config)
  const outputs: Record<string, Tensor> = { logits, ...blocks }
  if (differentiated) {
    const [targets, weights] = ["targets", "weights"].map((name) => ops.input(name, tensor(name).shape)) as [
      Tensor,
      Tensor,
    ]
    const losses = ops.softmaxCrossEntropy(logits, targets)
    const loss = ops.div(ops.sum(ops.mul(losses, weights)), ops.sum(weights))
    const grads = gradients([loss], [...parameters.values()])
    for (const [i, name] of [...parameters.keys()].entries()) outputs[`grad.${name}`] = grads[i] as Tensor
  }
  const slots = Object.fromEntries(
    Array.from(parameters.keys(), (name): [string, TensorType] => [
      name,
      { shape: tensor(`param.${name}`).shape, dtype: "float32" },
    ]),
  )
  const backend = await makeBackend()
  const state = await backend.createState(
    slots,
    Object.fromEntries(Object.keys(slots).map((name) => [name, tensor(`param.${name}`).data])),
  )
  const program = await backend.compile(graph({ outputs }))
  const inputs = Object.fromEntries(
    (differentiated ? ["images", "targets", "weights"] : ["images"]).map((name) => [name, tensor(name).data]),
  )
  const results = await program.run(inputs, state)
  await program.dispose()
  await state.dispose()
  await backend.close()
  return new Map(
    Object.entries(results).map(([name, { data }]) => {
      const expected = tensor(name).data
      let [largest, difference] = [0, 0]
      for (const [i, value] of expected.entries()) {
        largest = Math.max(largest, Math.abs(value))
        difference = Math.max(difference, Math.abs(value - Number(data[i])))
      }
      return [name, difference / Math.max(absolute, relative * largest)]
    }),
  )
}

import { referenceBackend } from "@vitrine/backend-reference"
import {
  type AttentionMasks,
  gradients,
  graph,
  multiHeadAttention,
  ops,
  rootScope,
  type Tensor,
  VitrineError,
} from "@vitrine/core"
import { type GoldenTensor, golden, goldenNames } from "@vitrine/golden"
import { describe, expect, it } from "vitest"
import { difference } from "../src/compare.ts"
import { runOnce } from "../src/contract.ts"

const { add, greater, input, where } = ops

const strip = (tensors: Readonly<Record<string, GoldenTensor>>, prefix: string): Record<string, GoldenTensor> =>
  Object.fromEntries(
    Object.entries(tensors).flatMap(([key, t]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), t]] : [])),
  )

describe.each(goldenNames("attention-"))("%s of torch.nn.MultiheadAttention", (name) => {
  const { json, tensors } = golden(name)
  const given = Object.fromEntries(Object.entries(tensors).map(([key, { data }]) => [key, Float32Array.from(data)]))
  const leaf = (key: string): Tensor => input(key, tensors[key]?.shape ?? [])
  const marked = (key: string): Tensor | undefined => (key in tensors ? greater(leaf(key), 0.5) : undefined)
  const masks = (added: boolean): AttentionMasks => {
    const hidden = marked("hidden")
    const more = "added" in tensors ? leaf("added") : ops.full(hidden?.shape ?? [], 0)
    const attentionMask = hidden && (added ? where(hidden, Number.NEGATIVE_INFINITY, more) : hidden)
    return { keyPaddingMask: marked("padding"), attentionMask }
  }

  it.each("added" in tensors ? [true] : [true, false])("with −∞ added: %s", async (addition) => {
    const taps: Record<string, Tensor> = {}
    const parameters: Record<string, Tensor> = {}
    const onTap = (tap: string, t: Tensor): void => void (taps[tap] = t)
    const param = ({ name: each }: { name: string }): Tensor => (parameters[each] ??= leaf(`param.${each}`))
    const options = { heads: json.heads, bias: json.bias, ...masks(addition) }
    const query = leaf("query")
    const [key, value] = json.same ? [query, query] : [leaf("key"), leaf("value")]
    const output = multiHeadAttention(rootScope({ param, taps: ["weights"], onTap }), query, key, value, options)
    expect(Object.keys(parameters).toSorted()).toEqual(Object.keys(strip(tensors, "param.")).toSorted())

    const wrt = { ...parameters, query, key, value }
    const loss = ops.sum(ops.mul(output, leaf("seed")))
    const grads = gradients([loss], Object.values(wrt))
    const named = Object.keys(wrt).map((each, i): [string, Tensor] => [`grad.${each}`, grads[i] as Tensor])
    const outputs: Record<string, Tensor> = { output, weights: taps.weights as Tensor, ...Object.fromEntries(named) }
    const found = await runOnce(referenceBackend(), graph({ outputs }), given)
    for (const [each, { data }] of Object.entries(found)) {
      const expected = tensors[each]?.data
      if (expected !== undefined)
        expect(difference(data, expected, { absolute: 1e-12, relative: 1e-9 }), each).toBeUndefined()
    }
    expect(Object.keys(found).filter((each) => each in tensors).length).toBeGreaterThanOrEqual(
      Object.keys(strip(tensors, "grad.")).length + 1,
    )
  })
})

describe("multi-head attention", () => {
  const [x, y] = [input("x", ["batch", 4, 6]), input("y", ["batch", 5, 6])]

  it("takes masks of a batch that is not known yet", () => {
    const keyPaddingMask = input("padding", ["batch", 5], "bool")
    const attentionMask = ops.constant(new Float32Array(20), [4, 5])
    const attended = multiHeadAttention(rootScope(), x, y, y, { heads: 2, keyPaddingMask, attentionMask })
    expect(attended.shape).toEqual(["batch", 4, 6])
  })

  it("names what does not fit", () => {
    const attend = (options: AttentionMasks & { heads?: number }) => () =>
      multiHeadAttention(rootScope().at("layer"), x, y, y, { heads: 2, ...options })
    const wrong = [
      { options: { heads: 4 }, message: "layer: 4 heads do not divide a width of 6" },
      {
        options: { keyPaddingMask: input("m", ["batch", 4]) },
        message: "layer: keyPaddingMask must be bool or float32 [batch, 5], got float32 [batch, 4]",
      },
      {
        options: { attentionMask: input("m", [5, 4], "bool") },
        message: "layer: attentionMask must be bool or float32 that broadcasts to [batch, 2, 4, 5], got bool [5, 4]",
      },
      {
        options: { attentionMask: input("m", [4, 5], "int32") },
        message: "layer: attentionMask must be bool or float32 that broadcasts to [batch, 2, 4, 5], got int32 [4, 5]",
      },
    ]
    for (const { options, message } of wrong) expect(attend(options)).toThrow(new VitrineError("shape", message))
  })

  it("is one fused op where nothing is masked", () => {
    const opsOf = (masks: AttentionMasks): string[] =>
      graph({ outputs: { y: multiHeadAttention(rootScope(), x, add(y, 1), y, { heads: 2, ...masks }) } }).nodes.map(
        ({ op }) => op,
      )
    expect(opsOf({})).toContain("attention")
    expect(opsOf({ attentionMask: ops.full([4, 5], 0) })).not.toContain("attention")
  })
})

import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { gradients, graph, ops } from "@vitrine/core"
import { expect, test } from "vitest"
import { partsOf } from "../src/engine/slices.ts"

// Only graphs with an open batch are cut into slices: the smoke subset has all of those.
const slices = (): ReturnType<typeof onnxBackend> => onnxBackend({ worker: false, sliceRows: 1 })

conformance("onnxruntime-node, one example at a time", slices, { subset: "smoke" })

test("a slice has 4096 rows, or half of that where its values take more than half a GiB", () => {
  const sizeOf = (tokens: number, width: number): number | undefined => {
    const x = ops.input("x", ["batch", tokens, 8])
    const hidden = ops.gelu(ops.linear(x, ops.state("w", [width, 8])))
    const loss = ops.sum(ops.linear(hidden, ops.state("v", [1, width])))
    const [slope] = gradients([loss], [ops.state("w", [width, 8])])
    if (slope === undefined) throw new Error("there is a gradient")
    return partsOf(graph({ outputs: { loss, slope } }), 16, 4096).stages[0]?.batch
  }
  expect([sizeOf(1024, 16), sizeOf(2048, 16), sizeOf(1024, 65_536)]).toEqual([4, 2, 2])
})

import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "@vitrine/backend-onnx/node"

// Only graphs with an open batch are cut into slices: the smoke subset has all of those.
const slices = (): ReturnType<typeof onnxBackend> => onnxBackend({ worker: false, sliceRows: 1 })

conformance("onnxruntime-node, one example at a time", slices, { subset: "smoke" })

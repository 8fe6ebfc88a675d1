import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "@vitrine/backend-onnx/node"

conformance("onnxruntime-node, one example at a time", () => onnxBackend({ worker: false, sliceRows: 1 }))

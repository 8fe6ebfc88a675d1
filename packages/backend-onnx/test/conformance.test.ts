import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "@vitrine/backend-onnx/node"

conformance("onnxruntime-node", () => onnxBackend({ worker: false, threads: 2 }))

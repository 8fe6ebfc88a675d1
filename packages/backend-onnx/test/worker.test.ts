import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "@vitrine/backend-onnx/node"

// The worker is the compiled one, where there is one.
conformance("onnxruntime-node in a worker", () => onnxBackend())

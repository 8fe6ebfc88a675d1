import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "@vitrine/backend-onnx/web"

conformance("onnxruntime-web", () => onnxBackend({ threads: 1 }), { subset: "smoke" })

import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "../../src/web.ts"

const skip = { "constants from a file": "a page has no files" }

conformance("onnxruntime-web in a worker of a page", () => onnxBackend(), { skip })

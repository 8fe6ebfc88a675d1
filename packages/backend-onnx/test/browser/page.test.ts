import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "../../src/web.ts"

const skip = { "constants from a file": "a page has no files" }

conformance("onnxruntime-web in the page's own thread", () => onnxBackend({ worker: false, threads: 1 }), { skip })

import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "../../src/web.ts"

const options = { skip: { "constants from a file": "a page has no files" }, subset: "smoke" } as const

conformance("onnxruntime-web in the page's own thread", () => onnxBackend({ worker: false, threads: 1 }), options)

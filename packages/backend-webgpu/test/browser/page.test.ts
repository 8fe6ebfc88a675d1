import { conformance } from "@vitrine/conformance"
import { webgpuBackend } from "../../src/index.ts"

const skip = { "constants from a file": "a page has no files" }

conformance("webgpu in a page", () => webgpuBackend({ software: true }), { skip })

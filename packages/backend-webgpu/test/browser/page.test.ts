import { conformance } from "@vitrine/conformance"
import { webgpuBackend } from "../../src/index.ts"

const skip = { "constants from a file": "a page has no files" }

// The page has the kernels for adapters that compute on the CPU. Whole models run on those for GPUs in Node.
conformance("webgpu in a page", () => webgpuBackend({ software: true }), { skip, subset: "ops" })

import { conformance } from "@vitrine/conformance"
import { tfjsBackend } from "../src/index.ts"
import { skip } from "./skip.ts"
import { wasm } from "./wasm.ts"

conformance("tfjs on wasm", async () => tfjsBackend(await wasm()), { skip })

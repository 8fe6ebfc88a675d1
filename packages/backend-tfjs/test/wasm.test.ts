import type { Backend } from "@vitrine/core"
import { conformance } from "@vitrine/conformance"
import { golden, goldenNames } from "@vitrine/golden"
import { modelParity } from "@vitrine/parity"
import { tfjsBackend } from "../src/index.ts"
import { skip } from "./skip.ts"
import { wasm } from "./wasm.ts"

const backend = async (): Promise<Backend> => tfjsBackend(await wasm())
const large = Object.fromEntries(goldenNames("large-").map((name) => [name, async () => golden(name)]))

conformance("tfjs on wasm", backend, { skip })
modelParity("tfjs on wasm", backend, large)

import { referenceBackend } from "@vitrine/backend-reference"
import { conformance } from "../src/index.ts"

conformance("reference", async () => referenceBackend(), {
  skip: { "constants from a file": "the reference takes values alone" },
})

import { conformance } from "@vitrine/conformance"
import { remoteBackend } from "./remote.ts"

const skip = { "constants from a file": "a page has no files" }

conformance(
  "webgpu in a worker of a page",
  () => remoteBackend(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })),
  { skip },
)

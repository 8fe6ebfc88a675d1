import { serve } from "./remote.ts"
import { webgpuBackend } from "../../src/index.ts"

serve(() => webgpuBackend({ software: true }))

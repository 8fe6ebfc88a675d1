export { tfjsBackend } from "./backend.ts"
export type { TensorFlow } from "./host.ts"

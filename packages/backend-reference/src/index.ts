export { evaluateGraph, referenceBackend } from "./backend.ts"

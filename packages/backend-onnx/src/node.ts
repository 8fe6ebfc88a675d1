export {
  cudaProvider,
  type OnnxAvailability,
  onnxAvailability,
  onnxBackend,
  type OnnxBackendOptions,
} from "./node/backend.ts"

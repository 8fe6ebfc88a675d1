/** The backends that a reader can choose. */
export const backendNames = ["auto", "webgpu", "onnx-web"] as const

export type BackendName = (typeof backendNames)[number]

export function isBackendName(text: string | null): text is BackendName {
  return backendNames.some((name) => name === text)
}

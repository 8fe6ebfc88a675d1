/** A float32 tensor on its way from the worker to the page. */
export interface Values {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

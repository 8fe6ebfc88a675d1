/** How elements of a tensor in memory are read: element `c` lies at `offset + Σ c[i] · strides[i]`. */
export interface View {
  /** The number of the tensor. */
  readonly tensor: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, dim) => n * dim, 1)

/** Strides of a tensor whose last axis is the fastest, without gaps. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i] as number
  }
  return strides
}

export function wholeView(tensor: number, shape: readonly number[]): View {
  return { tensor, shape, strides: rowMajor(shape), offset: 0 }
}

/** Whether the elements lie in order, without gaps, from `offset` on. */
export function isDense({ shape, strides }: View): boolean {
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== step) return false
    step *= shape[i] as number
  }
  return true
}

export function transposed(view: View, permutation: readonly number[]): View {
  return {
    ...view,
    shape: permutation.map((axis) => view.shape[axis] as number),
    strides: permutation.map((axis) => view.strides[axis] as number),
  }
}

/** `size` elements of one axis, from `start` on. */
export function sliced(view: View, axis: number, start: number, size: number): View {
  return {
    ...view,
    shape: view.shape.with(axis, size),
    offset: view.offset + start * (view.strides[axis] as number),
  }
}

/** NumPy's broadcasting: axes of 1, or none, repeat. */
export function broadcasted(view: View, shape: readonly number[]): View {
  const lead = shape.length - view.shape.length
  const strides = shape.map((dim, i) => {
    const own = view.shape[i - lead]
    return own === undefined || (own === 1 && dim !== 1) ? 0 : (view.strides[i - lead] as number)
  })
  return { ...view, shape, strides }
}

/** The same elements in another shape, or undefined where that takes a copy. */
export function reshaped(view: View, shape: readonly number[]): View | undefined {
  const dims = merged(view.shape, [view.strides])
  const strides = new Array<number>(shape.length).fill(0)
  let axis = shape.length - 1
  for (let d = dims.length - 1; d >= 0; d--) {
    const { size, steps } = dims[d] as Merged
    let left = size
    let step = steps[0] as number
    while (left > 1) {
      const dim = shape[axis]
      if (dim === undefined || left % dim !== 0) return undefined
      strides[axis] = step
      step *= dim
      left /= dim
      axis--
    }
  }
  return { ...view, shape, strides }
}

export interface Merged {
  readonly size: number
  /** One step for each of the given strides. */
  readonly steps: readonly number[]
}

/** The fewest axes over which all of `strides` walk the same elements; axes of 1 are dropped. */
export function merged(shape: readonly number[], strides: readonly (readonly number[])[]): Merged[] {
  const dims: { size: number; steps: number[] }[] = []
  shape.forEach((size, i) => {
    if (size === 1) return
    const steps = strides.map((each) => each[i] as number)
    const outer = dims.at(-1)
    if (outer?.steps.every((step, k) => step === (steps[k] as number) * size)) {
      outer.size *= size
      outer.steps = steps
    } else dims.push({ size, steps })
  })
  return dims
}

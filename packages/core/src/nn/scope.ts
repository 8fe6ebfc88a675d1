import { VitrineError } from "../errors.ts"
import { dropoutMask, mul, state } from "../tensor/ops.ts"
import { type Shape, sameShape, showShape } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"

/** The kind of a parameter. It decides how the parameter is initialised, and whether weight decay applies to it. */
export type Role =
  /** The matrix of a linear layer, `[out, in]`. */
  | "linear"
  /** The projection of the patches, `[dim, channels, patchHeight, patchWidth]`. */
  | "patch"
  /** The kernels of a convolution, `[out, in, height, width]`. */
  | "convolution"
  /** The matrix that gives the logits. */
  | "head"
  | "bias"
  /** The gain of a LayerNorm or group norm. */
  | "scale"
  /** The factors of a LayerScale. */
  | "layerScale"
  /** The class token, or registers. */
  | "classToken"
  | "distillationToken"
  /** A table of embeddings, one row for each token. */
  | "embedding"
  /** A learned query. No projection computes it. */
  | "latent"
  /** A learned table of position embeddings. */
  | "positions"
  /** The learned frequencies of rotary positions, `[2, depth, heads, headDim / 2]`. */
  | "frequencies"
  /** A table that is computed and never trained. */
  | "fixedPositions"
  /** A statistic or factor of a frozen batch norm, which is never trained. */
  | "frozen"

/** A parameter of a model: its name, shape and role. */
export interface Parameter {
  /** The full name, as in timm. */
  readonly name: string
  readonly shape: readonly number[]
  readonly role: Role
}

/** The place of a layer in the model. It gives the layer parameters, taps and dropout. */
export interface Scope {
  /** The name of the place, such as `blocks.0.attn`. */
  readonly path: string
  /** @throws VitrineError (shape), with the full name and shape, when the model has no such parameter. */
  param(name: string, shape: readonly number[], role: Role): Tensor
  at(name: string): Scope
  /** Names an intermediate value. This costs nothing unless the options of the scope ask for the tap. */
  tap(name: string, t: Tensor): Tensor
  /** Whether the options ask for one of these taps. Then a fused op has to be taken apart. */
  taps(...names: readonly string[]): boolean
  /** Marks a value, such as a block's input, from which later values can be computed again. */
  checkpoint(t: Tensor): Tensor
  /** Whether there is a random key, so that dropout works. */
  readonly training: boolean
  /** Inverted dropout; the identity without a key. `maskShape` broadcasts to `t` and is its shape by default. */
  dropout(name: string, t: Tensor, rate: number, maskShape?: Shape): Tensor
}

/** Options of the outermost scope. */
export interface ScopeOptions {
  /** Gives the tensor of a parameter, by default the state slot of its name. */
  readonly param?: (parameter: Parameter) => Tensor
  /** The random key of this step (int32 `[2]`), for training; without it dropout does nothing. */
  readonly key?: Tensor
  /** Full names of the taps to collect, or all. A name that ends in `.*` stands for all taps below it. */
  readonly taps?: readonly string[] | "all"
  /** Called with every tap that `taps` names. */
  readonly onTap?: (name: string, t: Tensor) => void
  /** Called with every checkpoint, in order. */
  readonly onCheckpoint?: (t: Tensor) => void
}

/** The scope of a whole model. */
export function rootScope(options: ScopeOptions = {}): Scope {
  const {
    param = ({ name, shape }) => state(name, shape),
    key,
    taps = [],
    onTap = () => {},
    onCheckpoint = () => {},
  } = options
  const exact = new Set(taps === "all" ? [] : taps)
  const prefixes = taps === "all" ? [""] : taps.filter((name) => name.endsWith(".*")).map((name) => name.slice(0, -1))
  const collects = (name: string): boolean => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix))

  const scope = (path: string): Scope => {
    const full = (name: string): string => (path === "" ? name : `${path}.${name}`)
    return {
      path,
      param: (name, shape, role) => {
        const t = param({ name: full(name), shape, role })
        if (!sameShape(t.shape, shape))
          throw new VitrineError(
            "shape",
            `parameter ${full(name)} must be ${showShape(shape)}, got ${showShape(t.shape)}`,
          )
        return t
      },
      at: (name) => scope(full(name)),
      tap: (name, t) => {
        if (collects(full(name))) onTap(full(name), t)
        return t
      },
      checkpoint: (t) => {
        onCheckpoint(t)
        return t
      },
      training: key !== undefined,
      taps: (...names) => names.some((name) => collects(full(name))),
      dropout: (name, t, rate, maskShape = t.shape) =>
        key === undefined || rate === 0 ? t : mul(t, dropoutMask(key, full(name), maskShape, rate)),
    }
  }
  return scope("")
}

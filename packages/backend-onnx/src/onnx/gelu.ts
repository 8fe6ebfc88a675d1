import type { Emitter, Value } from "./emitter.ts"
import { type Scaled, unscaled } from "./kernel.ts"

/** x Φ(x), with the error function or with tanh. */
export function gelu(e: Emitter, x: Value, approximate: boolean): readonly [string | Scaled] {
  if (e.portable) return [approximate ? portableTanhGelu(e, e.elements(x)) : portableGelu(e, e.elements(x))]
  if (approximate) return [e.one("Gelu", [e.elements(x)], { attributes: { approximate: "tanh" } })]
  if (!x.readers.includes("geluGrad")) return [e.one("Gelu", [e.elements(x)])]
  const u = halfRoot(e, x)
  return [{ of: e.one("Mul", [u, twiceCdf(e, u)]), scale: Math.SQRT1_2 }]
}

export function geluGrad(e: Emitter, dy: Value, x: Value, approximate: boolean): readonly [string | Scaled] {
  if (approximate) return [tanhGeluGrad(e, e.elements(dy), e.elements(x))]
  // The derivative of x Φ(x) is Φ(x) + x φ(x) = ½ ((1 + erf u) + 2/√π · u exp(−u²)) with u = x/√2.
  const u = halfRoot(e, x)
  const density = e.one("Div", [u, e.one("Exp", [e.one("Mul", [u, u])])])
  const slope = e.one("Add", [twiceCdf(e, u), e.one("Mul", [density, e.scalar(2 / Math.sqrt(Math.PI))])])
  const { of, scale } = unscaled(e, dy)
  return [{ of: e.one("Mul", [of, slope]), scale: scale / 2 }]
}

// ONNX Runtime recognises the next two functions by the order of their operations, and fuses each into one operator.

/** x Φ(x) without the operator Gelu, which the portable operator set does not have. */
function portableGelu(e: Emitter, x: string): string {
  const cdf = e.one("Add", [e.one("Erf", [e.one("Div", [x, e.scalar(Math.SQRT2)])]), e.scalar(1)])
  return e.one("Mul", [e.one("Mul", [x, cdf]), e.scalar(0.5)])
}

/** ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))). */
function portableTanhGelu(e: Emitter, x: string): string {
  const cube = e.one("Mul", [e.one("Pow", [x, e.scalar(3)]), e.scalar(0.044715)])
  const inner = e.one("Mul", [e.one("Add", [x, cube]), e.scalar(Math.sqrt(2 / Math.PI))])
  const cdf = e.one("Add", [e.one("Tanh", [inner]), e.scalar(1)])
  return e.one("Mul", [e.one("Mul", [x, e.scalar(0.5)]), cdf])
}

/** The elements of x / √2. */
function halfRoot(e: Emitter, x: Value): string {
  const scale = x.scale * Math.SQRT1_2
  return e.elements({ ...x, scale: Math.abs(scale - 1) < 1e-7 ? 1 : scale })
}

/** 1 + erf u = 2 Φ(√2 u). */
function twiceCdf(e: Emitter, u: string): string {
  return e.once(`1 + erf ${u}`, () => e.one("Add", [e.one("Erf", [u]), e.scalar(1)]))
}

/** With t = tanh(√(2/π) (x + 0.044715 x³)): dy · ½ ((1 + t) + x (1 − t²) √(2/π) (1 + 3 · 0.044715 x²)). */
function tanhGeluGrad(e: Emitter, dy: string, x: string): string {
  const [cubic, root] = [0.044715, Math.sqrt(2 / Math.PI)]
  const affine = (y: string, by: number, plus: number): string =>
    e.one("Add", [e.one("Mul", [y, e.scalar(by)]), e.scalar(plus)])
  const square = e.one("Mul", [x, x])
  const t = e.one("Tanh", [e.one("Mul", [x, affine(square, root * cubic, root)])])
  const inner = e.one("Mul", [x, affine(square, 1.5 * root * cubic, 0.5 * root)])
  const slope = e.one("Mul", [e.one("Sub", [e.scalar(1), e.one("Mul", [t, t])]), inner])
  return e.one("Mul", [dy, e.one("Add", [affine(t, 0.5, 0.5), slope])])
}

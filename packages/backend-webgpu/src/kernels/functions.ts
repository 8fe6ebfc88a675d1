import type { Shader } from "./shader.ts"

// Functions of WGSL for `T`, which is f32 or vec4<f32>. They recognise NaN and infinity by their bits, since a compiler
// may assume that no number is NaN or infinite.

const polynomial = (x: string, coefficients: readonly number[]): string =>
  coefficients.reduceRight((text, c) => (text === "" ? `T(${c})` : `fma(T(${x}), ${text}, T(${c}))`), "")

/** Coefficients of erf(x) / x in powers of x², for |x| ≤ 1. It is a minimax fit with an error of 1.2e-9. */
const inner = [
  1.1283791065216064, -0.3761262595653534, 0.11283600330352783, -0.026854444295167923, 0.005189535208046436,
  -0.0008020841050893068, 0.00007889119297033176,
]
/**
 * Coefficients of exp(x²) · (1 − erf(x)) in powers of 1 / (1 + x / 2), for 1 ≤ x ≤ 4.2. It is a minimax fit with an
 * error of 8.3e-9.
 */
const outer = [
  0.0005403915420174599, 0.27443450689315796, 0.32668179273605347, 0.11244431883096695, 0.38712430000305176,
  -0.04414414241909981, -0.057837970554828644,
]

export type FunctionName =
  | "isNan"
  | "finite"
  | "larger"
  | "logOf"
  | "tanhOf"
  | "quarterSine"
  | "sinOf"
  | "cosOf"
  | "erf"
  | "gelu"
  | "geluSlope"
  | "geluTanh"
  | "geluTanhSlope"
  | "toFloat16"
  | "toBfloat16"
  | "threefry"

interface Definition {
  readonly text: string
  readonly calls?: readonly FunctionName[]
}

const definitions: Readonly<Record<FunctionName, Definition>> = {
  isNan: { text: "fn isNan(x: T) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }" },
  finite: { text: "fn finite(x: T) -> B { return (bitcast<U>(x) & U(0x7f800000u)) != U(0x7f800000u); }" },
  /** The larger of two values, or NaN if either is NaN. */
  larger: {
    text: "fn larger(a: T, b: T) -> T { return select(max(a, b), a + b, isNan(a) | isNan(b)); }",
    calls: ["isNan"],
  },
  /** log with −∞ at zero and NaN below. Some devices give other values there. */
  logOf: {
    text: `fn logOf(x: T) -> T {
  let special = select(U(0x7fc00000u), U(0xff800000u), x == T(0)) | bitcast<U>(x);
  return select(log(x), bitcast<T>(special), x <= T(0));
}`,
  },
  /** tanh. On some devices the built-in function overflows for large magnitudes. */
  tanhOf: { text: "fn tanhOf(x: T) -> T { return select(tanh(x), sign(x), abs(x) >= T(15)); }" },
  /**
   * sin(x + quarters · π / 2), of which WGSL promises three digits. x less the nearest multiple of π / 2, which is taken off in
   * three parts, goes into the polynomials of Cephes (https://netlib.org/cephes).
   */
  quarterSine: {
    text: `fn quarterSine(x: T, quarters: T) -> T {
  let q = round(x * T(0.63661977236758134));
  let r = fma(q, T(-7.54978995489188216e-8), fma(q, T(-4.837512969970703125e-4), fma(q, T(-1.5703125), x)));
  let z = r * r;
  let s = fma(r * z, ${polynomial("z", [-0.16666654611, 0.0083321608736, -0.00019515295891])}, r);
  let c = fma(z * z, ${polynomial("z", [0.04166664568298827, -0.001388731625493765, 0.00002443315711809948])}, fma(z, T(-0.5), T(1)));
  let turn = q + quarters - T(4) * floor((q + quarters) * T(0.25));
  let value = select(s, c, (turn == T(1)) | (turn == T(3)));
  return select(value, -value, turn >= T(2));
}`,
  },
  sinOf: { text: "fn sinOf(x: T) -> T { return quarterSine(x, T(0)); }", calls: ["quarterSine"] },
  cosOf: { text: "fn cosOf(x: T) -> T { return quarterSine(x, T(1)); }", calls: ["quarterSine"] },
  erf: {
    text: `fn erf(x: T) -> T {
  let a = abs(x);
  let s = x * x;
  let t = T(1) / fma(T(0.5), a, T(1));
  let near = x * (${polynomial("s", inner)});
  let far = sign(x) * (T(1) - exp(-s) * (${polynomial("t", outer)}));
  return select(near, far, a > T(1));
}`,
  },
  gelu: { text: "fn gelu(x: T) -> T { return 0.5 * x * (T(1) + erf(x * 0.70710678118654752)); }", calls: ["erf"] },
  geluSlope: {
    text: `fn geluSlope(x: T) -> T {
  return fma(x * 0.39894228040143268, exp(-0.5 * x * x), 0.5 * (T(1) + erf(x * 0.70710678118654752)));
}`,
    calls: ["erf"],
  },
  geluTanh: {
    text: "fn geluTanh(x: T) -> T { return 0.5 * x * (T(1) + tanhOf(0.79788456080286536 * (x + 0.044715 * x * x * x))); }",
    calls: ["tanhOf"],
  },
  geluTanhSlope: {
    text: `fn geluTanhSlope(x: T) -> T {
  let t = tanhOf(0.79788456080286536 * (x + 0.044715 * x * x * x));
  return 0.5 * (T(1) + t) + 0.5 * x * (T(1) - t * t) * 0.79788456080286536 * (T(1) + 0.134145 * x * x);
}`,
    calls: ["tanhOf"],
  },
  /** Rounds to float16, ties to even, and returns a float32. */
  toFloat16: {
    text: `fn toFloat16(x: T) -> T {
  let bits = bitcast<U>(x);
  let size = bits & U(0x7fffffffu);
  let small = abs(x) < T(0.00006103515625);
  // Below the smallest normal number the spacing is 2^-24: adding 0.5 rounds to it.
  let denormal = bitcast<U>((abs(x) + T(0.5)) - T(0.5));
  let normal = (size + U(0xfffu) + ((size >> U(13u)) & U(1u))) & U(0xffffe000u);
  let large = select(normal, U(0x7f800000u), normal > U(0x477fe000u));
  let rounded = select(select(large, denormal, small), size, size > U(0x7f800000u));
  return bitcast<T>(rounded | (bits & U(0x80000000u)));
}`,
  },
  /** Rounds to bfloat16, ties to even, and returns a float32. */
  toBfloat16: {
    text: `fn toBfloat16(x: T) -> T {
  let bits = bitcast<U>(x);
  let rounded = (bits + U(0x7fffu) + ((bits >> U(16u)) & U(1u))) & U(0xffff0000u);
  return bitcast<T>(select(rounded, bits, (bits & U(0x7fffffffu)) > U(0x7f800000u)));
}`,
  },
  /** Threefry-2x32 with 20 rounds, as in @vitrine/core: the two words that a key gives at a counter. */
  threefry: {
    text: `fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  let keys = array<u32, 3>(key.x, key.y, key.x ^ key.y ^ 0x1bd11bdau);
  let turns = array<vec4<u32>, 2>(vec4<u32>(13u, 15u, 26u, 6u), vec4<u32>(17u, 29u, 16u, 24u));
  var x = counter.x + key.x;
  var y = counter.y + key.y;
  for (var round = 0u; round < 5u; round++) {
    for (var i = 0u; i < 4u; i++) {
      let turn = turns[round % 2u][i];
      x += y;
      y = ((y << turn) | (y >> (32u - turn))) ^ x;
    }
    x += keys[(round + 1u) % 3u];
    y += keys[(round + 2u) % 3u] + round + 1u;
  }
  return vec2<u32>(x, y);
}`,
  },
}

/** Adds a function and the functions that it calls to a shader, and returns its name. */
export function use(shader: Shader, name: FunctionName): string {
  const { text, calls } = definitions[name]
  for (const callee of calls ?? []) use(shader, callee)
  return shader.function(name, text)
}

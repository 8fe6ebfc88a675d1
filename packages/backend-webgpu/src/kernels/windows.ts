import type { Step, Window } from "../plan/step.ts"
import type { Tensor } from "../plan/tensor.ts"
import { sizeOf, type View } from "../plan/view.ts"
import { flat, fold, type Kernel, Shader, u } from "./shader.ts"
import { lowest } from "./reduce.ts"

// The convolution set, one thread a result: images NHWC, weights [out, in, height, width], all of them dense.

type Tensors = readonly Tensor[]

function each(op: string, shader: Shader, view: View, body: string): Kernel {
  const count = sizeOf(view.shape)
  const code = shader.text(64, `let i = ${flat} * 64u + local;\nif (i >= ${u(count)}) { return; }\n${body}`)
  return { label: `${op} [${view.shape}]`, code, bindings: shader.bindings, grid: fold(Math.ceil(count / 64)) }
}

/** Coordinates of number `i` of a shape, by the given names. */
function coordinates(shape: readonly number[], names: readonly string[]): string {
  let inner = sizeOf(shape)
  return shape
    .map((size, axis) => {
      inner /= size
      return `let ${names[axis]} = (i / ${u(inner)}) % ${u(size)};`
    })
    .join(" ")
}

/** The place `[a, b, c, d]` in a shape of four axes. */
const place = ([, b, c, d]: readonly number[], at: readonly [string, string, string, string]): string =>
  `((${at[0]} * ${u(b as number)} + ${at[1]}) * ${u(c as number)} + ${at[2]}) * ${u(d as number)} + ${at[3]}`

const size4 = (view: View): readonly [number, number, number, number] =>
  view.shape as readonly [number, number, number, number]

/** Loops over a window; `row` and `column` are where it reads, and lie within the image. */
function overWindow(
  [height, width]: readonly [number, number],
  [h, w]: readonly [number, number],
  { strides, padding }: Window,
  body: string,
): string {
  return `for (var a = 0u; a < ${u(height)}; a++) { for (var b = 0u; b < ${u(width)}; b++) {
  let row = y * ${u(strides[0])} + a - ${u(padding[0])};
  let column = x * ${u(strides[1])} + b - ${u(padding[2])};
  if (row < ${u(h)} && column < ${u(w)}) { ${body} }
} }`
}

export function conv2dKernel(tensors: Tensors, { inputs, outputs, attributes }: Step<"conv2d">): Kernel {
  const [image, weight] = inputs as [View, View]
  const out = outputs[0] as View
  const shader = new Shader(tensors, false)
  const [, h, w, channels] = size4(image)
  const [, , kh, kw] = size4(weight)
  const x = shader.element(image.tensor, place(image.shape, ["n", "row", "column", "c"]))
  const k = shader.element(weight.tensor, place(weight.shape, ["o", "c", "a", "b"]))
  return each(
    "conv2d",
    shader,
    out,
    `${coordinates(out.shape, ["n", "y", "x", "o"])}
var sum = 0.0f;
${overWindow([kh, kw], [h, w], attributes, `for (var c = 0u; c < ${u(channels)}; c++) { sum = fma(${x}, ${k}, sum); }`)}
${shader.store(out.tensor, false, "i", "sum")}`,
  )
}

export function conv2dInputGradKernel(
  tensors: Tensors,
  { inputs, outputs, attributes }: Step<"conv2dInputGrad">,
): Kernel {
  const [dy, weight] = inputs as [View, View]
  const out = outputs[0] as View
  const shader = new Shader(tensors, false)
  const [, oh, ow] = size4(dy)
  const [outputsCount, , kh, kw] = size4(weight)
  const { strides, padding } = attributes
  const d = shader.element(dy.tensor, place(dy.shape, ["n", "y", "x", "o"]))
  const k = shader.element(weight.tensor, place(weight.shape, ["o", "c", "a", "b"]))
  return each(
    "conv2dInputGrad",
    shader,
    out,
    `${coordinates(out.shape, ["n", "row", "column", "c"])}
var sum = 0.0f;
for (var a = 0u; a < ${u(kh)}; a++) { for (var b = 0u; b < ${u(kw)}; b++) {
  let top = row + ${u(padding[0])} - a;
  let left = column + ${u(padding[2])} - b;
  let y = top / ${u(strides[0])};
  let x = left / ${u(strides[1])};
  if (top % ${u(strides[0])} == 0u && left % ${u(strides[1])} == 0u && y < ${u(oh)} && x < ${u(ow)}) {
    for (var o = 0u; o < ${u(outputsCount)}; o++) { sum = fma(${d}, ${k}, sum); }
  }
} }
${shader.store(out.tensor, false, "i", "sum")}`,
  )
}

export function conv2dWeightGradKernel(
  tensors: Tensors,
  { inputs, outputs, attributes }: Step<"conv2dWeightGrad">,
): Kernel {
  const [dy, image] = inputs as [View, View]
  const out = outputs[0] as View
  const shader = new Shader(tensors, false)
  const [batch, oh, ow] = size4(dy)
  const [, h, w] = size4(image)
  const { strides, padding } = attributes
  const d = shader.element(dy.tensor, place(dy.shape, ["n", "y", "x", "o"]))
  const v = shader.element(image.tensor, place(image.shape, ["n", "row", "column", "c"]))
  return each(
    "conv2dWeightGrad",
    shader,
    out,
    `${coordinates(out.shape, ["o", "c", "a", "b"])}
var sum = 0.0f;
for (var n = 0u; n < ${u(batch)}; n++) { for (var y = 0u; y < ${u(oh)}; y++) { for (var x = 0u; x < ${u(ow)}; x++) {
  let row = y * ${u(strides[0])} + a - ${u(padding[0])};
  let column = x * ${u(strides[1])} + b - ${u(padding[2])};
  if (row < ${u(h)} && column < ${u(w)}) { sum = fma(${d}, ${v}, sum); }
} } }
${shader.store(out.tensor, false, "i", "sum")}`,
  )
}

export function maxPool2dKernel(tensors: Tensors, { inputs, outputs, attributes }: Step<"maxPool2d">): Kernel {
  const [image] = inputs as [View]
  const [values, indices] = outputs as [View | null, View | null]
  const shader = new Shader(tensors, false)
  const [, h, w] = size4(image)
  const v = shader.element(image.tensor, place(image.shape, ["n", "row", "column", "c"]))
  const found = `let v = ${v}; if (v > best || first) { best = v; index = i32(row * ${u(w)} + column); first = false; }`
  const out = (values ?? indices) as View
  return each(
    "maxPool2d",
    shader,
    out,
    `${coordinates(out.shape, ["n", "y", "x", "c"])}
var best = ${lowest};
var index = 0i;
var first = true;
${overWindow(attributes.size, [h, w], attributes, found)}
${values ? shader.store(values.tensor, false, "i", "best") : ""}
${indices ? shader.store(indices.tensor, false, "i", "index") : ""}`,
  )
}

export function gatherKernel(tensors: Tensors, { inputs, outputs }: Step<"gather">): Kernel {
  const [x, indices] = inputs as [View, View]
  const out = outputs[0] as View
  const shader = new Shader(tensors, false)
  const [, rows, channels] = x.shape as readonly [number, number, number]
  const index = shader.element(indices.tensor, "i")
  const value = shader.element(x.tensor, `(n * ${u(rows)} + at) * ${u(channels)} + c`)
  return each(
    "gather",
    shader,
    out,
    `${coordinates(out.shape, ["n", "r", "c"])}
let at = u32(${index});
${shader.store(out.tensor, false, "i", value)}`,
  )
}

/** Each result looks for the values that go to it, in order, so that equal runs give equal bits. */
export function scatterAddKernel(tensors: Tensors, { inputs, outputs }: Step<"scatterAdd">): Kernel {
  const [values, indices] = inputs as [View, View]
  const out = outputs[0] as View
  const shader = new Shader(tensors, false)
  const [, chosen, channels] = values.shape as readonly [number, number, number]
  const at = `(n * ${u(chosen)} + r) * ${u(channels)} + c`
  const index = shader.element(indices.tensor, at)
  const value = shader.element(values.tensor, at)
  return each(
    "scatterAdd",
    shader,
    out,
    `${coordinates(out.shape, ["n", "row", "c"])}
var sum = 0.0f;
for (var r = 0u; r < ${u(chosen)}; r++) { if (u32(${index}) == row) { sum += ${value}; } }
${shader.store(out.tensor, false, "i", "sum")}`,
  )
}

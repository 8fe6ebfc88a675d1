import { dimAt } from "@vitrine/core"
import { elementCount, fourDims } from "@vitrine/core/backend"
import type { Step, Window } from "../plan/step.ts"
import type { View } from "../plan/view.ts"
import { flat, fold, type Kernel, Shader, u } from "./shader.ts"
import { lowest } from "./reduce.ts"

// Convolutions and pools, with one thread for each result. Images are NHWC, weights [out, in, height, width], and all
// tensors are dense.

/** A kernel with one thread for each element of a view. `i` is the element's index. */
function elementKernel(op: string, shader: Shader, view: View, body: string): Kernel {
  const count = elementCount(view.shape)
  const code = shader.text(64, `let i = ${flat} * 64u + local;\nif (i >= ${u(count)}) { return; }\n${body}`)
  return { label: `${op} [${view.shape}]`, code, bindings: shader.bindings, grid: fold(Math.ceil(count / 64)) }
}

/** Statements that name the coordinates of element `i` of a shape. */
function coordinates(shape: readonly number[], names: readonly string[]): string {
  let inner = elementCount(shape)
  return shape
    .map((size, axis) => {
      inner /= size
      return `let ${names[axis]} = (i / ${u(inner)}) % ${u(size)};`
    })
    .join(" ")
}

/** The index of the element at some coordinates of a dense tensor with four axes. */
function place({ shape }: View, [i, j, k, l]: readonly [string, string, string, string]): string {
  const [, b, c, d] = fourDims(shape)
  return `((${i} * ${u(b)} + ${j}) * ${u(c)} + ${k}) * ${u(d)} + ${l}`
}

/** Loops over the places of a window that are within the image, as `row` and `column`. */
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

export function conv2dKernel({ inputs, outputs, attributes }: Step<"conv2d">): Kernel {
  const [image, weight] = inputs
  const [out] = outputs
  const shader = new Shader(false)
  const [, h, w, channels] = fourDims(image.shape)
  const [, , kh, kw] = fourDims(weight.shape)
  const x = shader.element(image.tensor, place(image, ["n", "row", "column", "c"]))
  const k = shader.element(weight.tensor, place(weight, ["o", "c", "a", "b"]))
  return elementKernel(
    "conv2d",
    shader,
    out,
    `${coordinates(out.shape, ["n", "y", "x", "o"])}
var sum = 0.0f;
${overWindow([kh, kw], [h, w], attributes, `for (var c = 0u; c < ${u(channels)}; c++) { sum = fma(${x}, ${k}, sum); }`)}
${shader.store(out.tensor, false, "i", "sum")}`,
  )
}

export function conv2dInputGradKernel({ inputs, outputs, attributes }: Step<"conv2dInputGrad">): Kernel {
  const [dy, weight] = inputs
  const [out] = outputs
  const shader = new Shader(false)
  const [, oh, ow] = fourDims(dy.shape)
  const [outChannels, , kh, kw] = fourDims(weight.shape)
  const { strides, padding } = attributes
  const d = shader.element(dy.tensor, place(dy, ["n", "y", "x", "o"]))
  const k = shader.element(weight.tensor, place(weight, ["o", "c", "a", "b"]))
  return elementKernel(
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
    for (var o = 0u; o < ${u(outChannels)}; o++) { sum = fma(${d}, ${k}, sum); }
  }
} }
${shader.store(out.tensor, false, "i", "sum")}`,
  )
}

export function conv2dWeightGradKernel({ inputs, outputs, attributes }: Step<"conv2dWeightGrad">): Kernel {
  const [dy, image] = inputs
  const [out] = outputs
  const shader = new Shader(false)
  const [batch, oh, ow] = fourDims(dy.shape)
  const [, h, w] = fourDims(image.shape)
  const { strides, padding } = attributes
  const d = shader.element(dy.tensor, place(dy, ["n", "y", "x", "o"]))
  const v = shader.element(image.tensor, place(image, ["n", "row", "column", "c"]))
  return elementKernel(
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

export function maxPool2dKernel({ inputs, outputs, attributes }: Step<"maxPool2d">): Kernel {
  const [image] = inputs
  const [values, indices] = outputs
  const shader = new Shader(false)
  const [, h, w] = fourDims(image.shape)
  const v = shader.element(image.tensor, place(image, ["n", "row", "column", "c"]))
  const larger = `let v = ${v}; if (v > best || first) { best = v; index = i32(row * ${u(w)} + column); first = false; }`
  const out = values ?? indices
  if (out === null) throw new Error("a pooling whose results nothing reads")
  return elementKernel(
    "maxPool2d",
    shader,
    out,
    `${coordinates(out.shape, ["n", "y", "x", "c"])}
var best = ${lowest};
var index = 0i;
var first = true;
${overWindow(attributes.size, [h, w], attributes, larger)}
${values ? shader.store(values.tensor, false, "i", "best") : ""}
${indices ? shader.store(indices.tensor, false, "i", "index") : ""}`,
  )
}

export function gatherKernel({ inputs, outputs }: Step<"gather">): Kernel {
  const [x, indices] = inputs
  const [out] = outputs
  const shader = new Shader(false)
  const [rows, channels] = [dimAt(x.shape, 1), dimAt(x.shape, 2)]
  const index = shader.element(indices.tensor, "i")
  const value = shader.element(x.tensor, `(n * ${u(rows)} + at) * ${u(channels)} + c`)
  return elementKernel(
    "gather",
    shader,
    out,
    `${coordinates(out.shape, ["n", "r", "c"])}
let at = u32(${index});
${shader.store(out.tensor, false, "i", value)}`,
  )
}

/** Each result sums its values in their order, so that equal runs give equal bits. */
export function scatterAddKernel({ inputs, outputs }: Step<"scatterAdd">): Kernel {
  const [values, indices] = inputs
  const [out] = outputs
  const shader = new Shader(false)
  const [count, channels] = [dimAt(values.shape, 1), dimAt(values.shape, 2)]
  const at = `(n * ${u(count)} + r) * ${u(channels)} + c`
  const index = shader.element(indices.tensor, at)
  const value = shader.element(values.tensor, at)
  return elementKernel(
    "scatterAdd",
    shader,
    out,
    `${coordinates(out.shape, ["n", "row", "c"])}
var sum = 0.0f;
for (var r = 0u; r < ${u(count)}; r++) { if (u32(${index}) == row) { sum += ${value}; } }
${shader.store(out.tensor, false, "i", "sum")}`,
  )
}

import { describeWeights } from "@vitrine/checkpoint/node"
import { localModel } from "../hub.ts"
import { colors, print } from "../output.ts"
import { bytes, count, printable, short, table } from "../show/text.ts"

/** Lists the tensors of a safetensors, .npz or .npy file, or of the safetensors files in a folder. */
export async function weights(model: string, { json }: { readonly json?: true }): Promise<void> {
  const { path } = await localModel(model)
  const description = await describeWeights(path)
  if (json) return print(JSON.stringify(description))
  const { bold, dim, red } = colors
  const value = (n: number | null): string => (n === null ? "–" : short(n))
  const rows = description.tensors.map((tensor) => [
    printable(tensor.name),
    `[${tensor.shape.join(", ")}]`,
    tensor.dtype,
    bytes(tensor.bytes),
    ...[tensor.min, tensor.max, tensor.mean, tensor.std].map(value),
    tensor.nonFinite === 0 ? "" : count(tensor.nonFinite),
  ])
  const head = ["name", "shape", "dtype", "size", "min", "max", "mean", "std", "non-finite"]
  const [titles = "", ...lines] = table([head, ...rows], [3, 4, 5, 6, 7, 8]).split("\n")
  print(bold(titles))
  for (const [i, line] of lines.entries()) print(description.tensors[i]?.nonFinite ? red(line) : line)
  const { parameters, tensors, size, metadata } = description
  print(dim(`\n${count(parameters)} numbers in ${count(tensors.length)} tensors, ${bytes(size)}`))
  for (const [key, text] of Object.entries(metadata)) print(dim(`${printable(key)}: ${printable(text)}`))
}

import { describeWeights } from "@vitrine/checkpoint/node"
import { defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import { jsonFlag, modelAndOthers, modelFlag } from "../flags/model.ts"
import { localModel } from "../hub.ts"
import { colors, print } from "../output.ts"
import { bytes, count, printable, short, table } from "../show/text.ts"

export const weights = defineCommand({
  arguments: [["[file]", "a .safetensors, .npz or .npy file, a folder with safetensors, or hf:owner/name"]],
  flags: { ...modelFlag, ...jsonFlag },
  examples: [["vitrine weights runs/flowers-1/model.safetensors", ""]],
  async run([file], { json, model: named, checkpoint }) {
    if (file === undefined && named === undefined) throw new UsageError("missing required argument 'file'")
    const { model } = modelAndOthers([file], named)
    const { path } = await localModel(model, checkpoint)
    const description = await describeWeights(path)
    if (json) print(JSON.stringify(description))
    else show(description)
  },
})

function show(description: Awaited<ReturnType<typeof describeWeights>>): void {
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

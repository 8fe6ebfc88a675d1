import { exportModel, type ExportPrecision, exportTargets, exportTypes, quantizedTypes, taskOf } from "vitrine"
import { type CommandDefinition, defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import type { Flags } from "../flags/flag.ts"
import { jsonFlag, modelAndOthers, modelFlag, modelHelp } from "../flags/model.ts"
import { choicesValue } from "../flags/values.ts"
import { localModel } from "../hub.ts"
import { colors, note, print } from "../output.ts"
import { bytes, printable, table } from "../show/text.ts"
import { tasks } from "../tasks/index.ts"
import { partsOf } from "../tasks/parts.ts"

const flags = {
  to: {
    value: "<world>",
    help: "timm, hf (transformers), or onnx (onnxruntime, transformers.js)",
    choices: exportTargets,
    required: true,
  },
  out: {
    alias: "-o",
    value: "<path>",
    help: "a new folder, or a file that ends in .onnx; default: MODEL-<to>",
  },
  dtype: {
    value: "<name>",
    help: "float32 or float16; of onnx both, with a comma, as two files",
    parse: choicesValue(exportTypes),
  },
  quantize: { value: "<name>", help: "of onnx: linear layers in integers", choices: quantizedTypes },
  force: { help: "replace an export that is there" },
  ...modelFlag,
  ...jsonFlag,
} as const satisfies Flags

export async function exportCommand(): Promise<CommandDefinition> {
  const parts = await partsOf((task) => task.export())
  return defineCommand({
    arguments: [["[model]", modelHelp]],
    flags,
    taskFlags: parts.flags,
    examples: [
      ["vitrine export runs/flowers-1 --to timm", 'timm.create_model("local-dir:flowers-1-timm")'],
      ["vitrine export runs/flowers-1 --to hf -o flowers", 'pipeline("image-classification", "./flowers")'],
      ["vitrine export runs/flowers-1 --to onnx -o public/flowers", "for transformers.js, in a folder"],
      ["vitrine export runs/flowers-1 --to onnx -o flowers.onnx", "one file for onnxruntime"],
      ["vitrine export runs/scenes-1 --to onnx", "of a detector: one file, for images of --image-size"],
      ["vitrine export runs/mnist-1 --to onnx", "of a model that reads: encoder_model.onnx, decoder_model.onnx"],
      ["vitrine export ViT-B_16.npz --to onnx --dtype float32,float16 --quantize int8", "three files"],
    ],
    async run([first], values, names) {
      const { model } = modelAndOthers([first], values.model)
      const { to, out, dtype = [], quantize, force, json, checkpoint } = values
      if (quantize !== undefined && to !== "onnx")
        throw new UsageError(`--quantize ${quantize}: only ONNX files hold quantized models; give --to onnx`)
      if (dtype.length > 1 && to !== "onnx") throw new UsageError(`--dtype ${dtype.join()}: give one, or --to onnx`)
      const precisions: readonly ExportPrecision[] = [...dtype, ...(quantize === undefined ? [] : [quantize])]
      const { name, path } = await localModel(model, checkpoint)
      const { options } = parts.of(tasks[await taskOf(path)], names)
      const result = await exportModel(name, {
        to,
        out,
        precision: precisions.length > 0 ? precisions : undefined,
        force,
        ...options(values),
      })
      if (json) return print(JSON.stringify({ model: name, to, ...result }))
      print(colors.bold(printable(result.path)))
      const rows = result.files.map((file) => [`  ${printable(file.path)}`, bytes(file.bytes)])
      print(table(rows))
      for (const line of result.notes) note(`note: ${printable(line)}`)
    },
  })
}

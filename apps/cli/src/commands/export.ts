import { type ExportPrecision, type ExportTarget, exportModel } from "vitrine"
import { UsageError } from "../errors.ts"
import { localModel } from "../hub.ts"
import { type OverrideFlags, overridesOf } from "../options.ts"
import { colors, note, print } from "../output.ts"
import { bytes, printable } from "../show/text.ts"

export interface ExportFlags extends OverrideFlags {
  readonly to: ExportTarget
  readonly out?: string
  readonly dtype?: readonly ExportPrecision[]
  readonly quantize?: "int8"
  readonly force?: true
  readonly dilation?: true
  readonly json?: true
}

/** Writes a model in the form of another world. */
export async function exportCommand(model: string, flags: ExportFlags): Promise<void> {
  const { to, out, dtype = [], quantize, force, dilation: dilated, json } = flags
  if (quantize !== undefined && to !== "onnx")
    throw new UsageError(`--quantize ${quantize}: only ONNX files hold quantized models; give --to onnx`)
  if (dtype.length > 1 && to !== "onnx") throw new UsageError(`--dtype ${dtype.join()}: give one, or --to onnx`)
  const asked: readonly ExportPrecision[] = [...dtype, ...(quantize === undefined ? [] : [quantize])]
  const precision = asked.length > 0 ? asked : undefined
  const { name } = await localModel(model)
  const { path, files, notes } = await exportModel(name, { to, out, precision, force, dilated, ...overridesOf(flags) })
  if (json) return print(JSON.stringify({ model: name, to, path, files, notes }))
  print(colors.bold(printable(path)))
  const width = Math.max(...files.map((file) => file.path.length))
  for (const file of files) print(`  ${file.path.padEnd(width)}  ${bytes(file.bytes)}`)
  for (const line of notes) note(`note: ${printable(line)}`)
}

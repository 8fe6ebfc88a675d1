import { isFileSlice } from "./encode.ts"
import type { OnnxModel } from "./model.ts"

/**
 * The greatest number of bytes of values in a model's file. Protobuf files are limited to 2 GiB, and nodes and names
 * need space too.
 */
export const mostInline: number = 2 ** 31 - 2 ** 26

/** Values begin at multiples of this number, since engines map pages. */
const alignment = 4096
/** The fewest bytes of a value that is moved to the other file. */
const least = 1024

/** The number of bytes of the values that a model holds in memory. */
export function valueBytes({ initializers }: OnnxModel): number {
  return initializers.reduce((total, { data }) => total + (isFileSlice(data) ? 0 : data.byteLength), 0)
}

/**
 * Moves the values of a model to another file, and returns the content of that file in pieces.
 * @param file the file's name; the file must lie beside the model.
 */
export function withExternalData(
  model: OnnxModel,
  file: string,
): { readonly model: OnnxModel; readonly chunks: readonly Uint8Array[] } {
  const chunks: Uint8Array[] = []
  let end = 0
  const initializers = model.initializers.map((each) => {
    const { data } = each
    if (isFileSlice(data) || data.byteLength < least) return each
    const offset = Math.ceil(end / alignment) * alignment
    if (offset > end) chunks.push(new Uint8Array(offset - end))
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    end = offset + data.byteLength
    return { ...each, data: { path: file, offset, length: data.byteLength } }
  })
  return { model: { ...model, initializers }, chunks }
}

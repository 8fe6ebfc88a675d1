import { ByteWriter, parquetWrite } from "hyparquet-writer"
import { listSchema } from "./parquet.ts"

/** Encodes features of images as Parquet: the columns `file`, a text, and `features`, a list of float32. */
export function featuresParquet(files: readonly string[], features: readonly Float32Array[]): Uint8Array {
  const writer = new ByteWriter()
  void parquetWrite({
    writer,
    schema: [
      { name: "schema", num_children: 2 },
      { name: "file", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
      ...listSchema("features", "FLOAT"),
    ],
    columnData: [
      { name: "file", data: [...files] },
      { name: "features", data: features.map((row) => [...row]) },
    ],
    createdBy: "vitrine",
  })
  return writer.getBytes()
}

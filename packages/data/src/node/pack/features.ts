import { listSchema, type SchemaElement } from "./schema.ts"

/** Encodes features of images as Parquet: the columns `file`, a text, and `features`, a list of float32. */
export async function featuresParquet(
  files: readonly string[],
  features: readonly Float32Array[],
): Promise<Uint8Array> {
  return written([textColumn("file"), listSchema("features", "FLOAT")], {
    file: files,
    features: features.map((row) => [...row]),
  })
}

/** The classes of an image, the most probable first. */
export interface ImagePredictions {
  readonly file: string
  readonly top: readonly { readonly label: string; readonly probability: number }[]
}

/**
 * Encodes predictions as Parquet: `file`, the first `label` and its `probability`, and lists of all, `labels` and
 * `probabilities`.
 */
export async function predictionsParquet(predictions: readonly ImagePredictions[]): Promise<Uint8Array> {
  const columns = [
    textColumn("file"),
    textColumn("label"),
    [{ name: "probability", type: "FLOAT", repetition_type: "OPTIONAL" }],
    listSchema("labels", "BYTE_ARRAY"),
    listSchema("probabilities", "FLOAT"),
  ] as const
  return written(columns, {
    file: predictions.map(({ file }) => file),
    label: predictions.map(({ top: [first] }) => first?.label ?? null),
    probability: predictions.map(({ top: [first] }) => first?.probability ?? null),
    labels: predictions.map(({ top }) => top.map(({ label }) => label)),
    probabilities: predictions.map(({ top }) => top.map(({ probability }) => probability)),
  })
}

async function written(
  columns: readonly (readonly SchemaElement[])[],
  values: Readonly<Record<string, readonly unknown[]>>,
): Promise<Uint8Array> {
  const { ByteWriter, parquetWrite } = await import("hyparquet-writer")
  const writer = new ByteWriter()
  void parquetWrite({
    writer,
    schema: [{ name: "schema", num_children: columns.length }, ...columns.flat()],
    columnData: Object.entries(values).map(([name, data]) => ({ name, data: [...data] })),
    createdBy: "vitrine",
  })
  return writer.getBytes()
}

const textColumn = (name: string): SchemaElement[] => [
  { name, type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
]

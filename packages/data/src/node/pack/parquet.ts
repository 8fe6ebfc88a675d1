import { fileWriter, ParquetWriter } from "hyparquet-writer"
import { listSchema, type SchemaElement } from "./schema.ts"
import type { ShardWriter } from "./shard-writer.ts"

/** The bytes of images of a row group. */
const groupBytes = 2 ** 25

/**
 * Writes images and labels as `datasets` does: a struct of bytes and path, not compressed, and a ClassLabel, or a list
 * of them, whose names stand below the key `huggingface`.
 */
export function parquetShard(path: string, classes: readonly string[], several: boolean): ShardWriter {
  const classLabel = { names: classes, _type: "ClassLabel" }
  const label = several ? "labels" : "label"
  const features = { image: { _type: "Image" }, [label]: several ? { feature: classLabel, _type: "List" } : classLabel }
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: [
      ...imageSchema,
      ...(several
        ? listSchema(label, "INT64")
        : [{ name: label, type: "INT64" as const, repetition_type: "OPTIONAL" as const }]),
    ],
    codec: "UNCOMPRESSED",
    kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
    createdBy: "vitrine",
  })
  let images: { bytes: Uint8Array; path: string }[] = []
  let labels: (bigint | bigint[])[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    if (images.length === 0) return
    await writer.write({
      columnData: [
        { name: "image", data: images, encoding: "PLAIN", statistics: false },
        { name: label, data: labels },
      ],
      rowGroupSize: images.length,
    })
    ;[images, labels, bytes] = [[], [], 0]
  }
  return {
    async add(key, image, numbers) {
      images.push({ bytes: image.bytes, path: `${key}.${image.extension}` })
      const all = numbers.map(BigInt)
      labels.push(several ? all : (all[0] ?? -1n))
      bytes += image.bytes.length
      if (bytes >= groupBytes) await flush()
    },
    async finish() {
      await flush()
      await writer.finish()
    },
  }
}

const imageSchema: readonly SchemaElement[] = [
  { name: "schema", num_children: 2 },
  { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
  { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
  {
    name: "path",
    type: "BYTE_ARRAY",
    repetition_type: "OPTIONAL",
    converted_type: "UTF8",
    logical_type: { type: "STRING" },
  },
]

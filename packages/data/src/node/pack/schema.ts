import type { ParquetWriter } from "hyparquet-writer"

export type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]["schema"][number]

/** The schema of a list of numbers or texts. */
export function listSchema(name: string, type: "INT64" | "FLOAT" | "BYTE_ARRAY"): SchemaElement[] {
  return [
    { name, num_children: 1, repetition_type: "OPTIONAL", converted_type: "LIST", logical_type: { type: "LIST" } },
    { name: "list", num_children: 1, repetition_type: "REPEATED" },
    {
      name: "element",
      type,
      repetition_type: "OPTIONAL",
      ...(type === "BYTE_ARRAY" && { converted_type: "UTF8" as const }),
    },
  ]
}

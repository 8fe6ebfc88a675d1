import type { JSX } from "preact"

/** A symbol that may have an index, such as `E_pos`. */
export function Symbol({ name }: { readonly name: string | undefined }): JSX.Element | null {
  if (name === undefined) return null
  const [base, index] = name.split("_")
  return (
    <i class="symbol">
      {base}
      {index === undefined ? null : <sub>{index}</sub>}
    </i>
  )
}

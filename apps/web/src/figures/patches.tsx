import type { JSX } from "preact"
import { useRef } from "preact/hooks"
import { elementAt } from "../checked.ts"
import { strings } from "../strings/index.ts"
import { useCursor } from "./cursor.ts"
import { format } from "./format.ts"
import { chosenToken, hoveredToken, markedToken, otherToken } from "./link.ts"
import { Picture } from "./picture.tsx"
import { useTable } from "./tables.tsx"
import type { Numbers } from "./view.ts"

export interface PatchesProps {
  readonly pixels: Uint8Array
  readonly side: number
  /** The number of patches down and across. */
  readonly grid: number
  readonly label: string
  /** A number for each patch. A patch with 0 is dark. */
  readonly weights?: Numbers
  /** A patch with this weight has its full brightness. The default is the largest weight. */
  readonly most?: number | undefined
  /** The name of the weights. */
  readonly weightName?: string
  /** Whether there are gaps between the patches. */
  readonly apart?: boolean
  /** Whether the keyboard can choose a patch here. A page needs at most two such figures. */
  readonly isChooser?: boolean
}

/** The image in patches. The reader can point at a patch and choose it. The patch of the marked token has a frame. */
export function Patches(props: PatchesProps): JSX.Element {
  const { pixels, side, grid, label, weights, apart = false, isChooser = false } = props
  const t = strings.value.figure
  const cursor = useCursor(grid, grid, (at, isChosen) => {
    const token = at === null ? null : at.row * grid + at.col + 1
    hoveredToken.value = token
    otherToken.value = null
    if (isChosen && token !== null) chosenToken.value = token
  })
  const largest = weights === undefined ? 1 : (props.most ?? Math.max(...weights, 1e-9))
  const field = useRef<HTMLDivElement>(null)
  useTable(field, () => ({
    label: `${label}${props.weightName === undefined ? "" : `, ${props.weightName}`}`,
    corner: t.patchGrid,
    columns: Array.from({ length: grid }, (_, col) => t.column(col + 1)),
    rows: Array.from({ length: grid }, (_, row) => ({
      name: t.row(row + 1),
      values: Array.from({ length: grid }, (_, col) =>
        weights === undefined ? "" : format(elementAt(weights, row * grid + col), 3),
      ),
    })),
  }))
  const at = cursor.cell.value
  const patch = at === null ? null : at.row * grid + at.col
  return (
    <div class={`patches ${apart ? "apart" : ""}`} style={{ "--grid": grid }}>
      <div
        class="patch-field"
        ref={field}
        {...(isChooser
          ? {
              role: "application",
              tabIndex: 0,
              "aria-roledescription": t.patchGrid,
              "aria-label": `${label}. ${t.keys}`,
            }
          : { role: "img", "aria-label": `${t.patchGrid}: ${label}` })}
        data-values={weights === undefined ? undefined : ""}
        {...cursor.on}
      >
        <Picture pixels={pixels} width={side} height={side} />
        {Array.from({ length: grid * grid }, (_, i) => (
          <span
            key={i}
            class={`patch ${mark(i + 1)}`}
            style={weights === undefined ? {} : { "--veil": 1 - elementAt(weights, i) / largest }}
          />
        ))}
      </div>
      <output class="readout" aria-live="polite">
        {patch === null ? null : (
          <>
            {t.patch(patch + 1, grid)}
            {weights === undefined ? null : (
              <>
                {" "}
                {props.weightName} <b>{format(elementAt(weights, patch))}</b>
              </>
            )}
          </>
        )}
      </output>
    </div>
  )
}

const mark = (token: number): string =>
  token === markedToken.value ? "marked" : token === otherToken.value ? "other" : ""

import type { JSX } from "preact"
import { brief } from "./format.ts"
import type { Numbers } from "./view.ts"

export interface BarsProps {
  readonly labels: readonly string[]
  readonly values: Numbers | readonly number[]
  readonly show?: (value: number) => string
  readonly label: string
  /** The index of the bar to highlight. */
  readonly best?: number | null
  /** The index of the bar that should be the highlighted one. */
  readonly target?: number | null
  readonly most?: number
  readonly tap?: string
}

/** Labelled numbers as bars in a table. If some numbers are negative, the bars start at a line in the middle. */
export function Bars({ labels, values, show = brief, label, best, target, most, tap }: BarsProps): JSX.Element {
  const all = Array.from(values)
  const largest = most ?? Math.max(...all.map(Math.abs), 1e-12)
  const signed = all.some((value) => value < 0)
  return (
    <table class={`bars ${signed ? "signed" : ""}`} aria-label={label} data-tap={tap}>
      <tbody>
        {all.map((value, i) => (
          <tr key={labels[i]} class={`${i === best ? "best" : ""} ${i === target ? "target" : ""}`}>
            <th scope="row">
              <span>{labels[i]}</span>
            </th>
            <td class="track" aria-hidden="true">
              <span
                class={value < 0 ? "bar negative" : "bar"}
                style={{ "--share": Math.min(1, Math.abs(value) / largest) }}
              />
            </td>
            <td class="number">{show(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

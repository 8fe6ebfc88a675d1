import { type Signal, signal, useSignal } from "@preact/signals"
import type { JSX, RefObject } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { strings } from "../strings/index.ts"
import { Select } from "./select.tsx"

/** The values of a drawing as a table. */
export interface ValueTable {
  readonly label: string
  /** What a row and a column are. */
  readonly corner: string
  readonly columns: readonly string[]
  readonly rows: readonly { readonly name: string; readonly values: readonly string[] }[]
}

type Tabulate = () => ValueTable

/** The tables of the drawings on the page, which are made when a reader asks for them. */
const tabulators = new WeakMap<Element, Tabulate>()

/** Lets a drawing be read as a table. Its element has the attribute `data-values`. */
export function useTable(box: RefObject<HTMLElement | null>, tabulate: Tabulate): void {
  useEffect(() => {
    if (box.current !== null) tabulators.set(box.current, tabulate)
  })
}

/** The drawings that are read, or null. */
const opened: Signal<readonly Tabulate[] | null> = signal(null)

/** A button that shows the values of all drawings in a figure as tables. */
export function ValuesButton(props: {
  readonly figure: RefObject<HTMLElement | null>
  readonly title: string
}): JSX.Element {
  const t = strings.value.figure
  return (
    <button
      type="button"
      class="text values"
      aria-label={`${t.values}: ${props.title}`}
      onClick={() => {
        const drawings = Array.from(props.figure.current?.querySelectorAll("[data-values]") ?? [])
        opened.value = drawings.flatMap((drawing) => tabulators.get(drawing) ?? [])
      }}
    >
      {t.values}
    </button>
  )
}

/** The window with the tables of a figure. */
export function Tables(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  const tables = opened.value
  useLayoutEffect(() => {
    if (tables !== null) dialog.current?.showModal()
  }, [tables])
  return (
    <dialog
      ref={dialog}
      class="zoomed tables"
      aria-label={strings.value.figure.values}
      onClose={() => {
        opened.value = null
      }}
    >
      {tables === null ? null : <Chosen tables={tables} />}
    </dialog>
  )
}

function Chosen({ tables }: { readonly tables: readonly Tabulate[] }): JSX.Element {
  const t = strings.value.figure
  const index = useSignal(0)
  const labels = tables.map((tabulate) => tabulate().label)
  const table = tables[index.value]?.()
  return (
    <>
      <header>
        <Select
          label={t.values}
          value={index.value}
          options={labels.map((text, value) => ({ value, text }))}
          onChoose={(next) => {
            index.value = next
          }}
        />
        <form method="dialog">
          <button type="submit" class="quiet" aria-label={t.close}>
            ✕
          </button>
        </form>
      </header>
      <div class="zoom-scroll" tabIndex={0} role="group" aria-label={table?.label ?? t.values}>
        {table === undefined ? null : (
          <table class="value-table">
            <caption>{table.label}</caption>
            <thead>
              <tr>
                <td>{table.corner}</td>
                {table.columns.map((column, i) => (
                  <th key={i} scope="col">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map(({ name, values }, i) => (
                <tr key={i}>
                  <th scope="row">{name}</th>
                  {values.map((value, j) => (
                    <td key={j}>{value}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </>
  )
}

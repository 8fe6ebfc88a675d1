import type { TargetedKeyboardEvent } from "preact"

/** Properties of a button that is one of several. */
export interface Roving {
  readonly tabIndex: number
  readonly onKeyDown: (event: TargetedKeyboardEvent<HTMLElement>) => void
}

/**
 * Makes buttons in rows one stop of the tabulator: arrow keys lead from one to the next.
 * @param chosen the index of the button that the tabulator reaches
 * @param choose is called for the button that an arrow key leads to
 */
export function roving(
  index: number,
  {
    chosen,
    count,
    columns,
    choose,
  }: {
    readonly chosen: number
    readonly count: number
    readonly columns: number
    readonly choose: (index: number) => void
  },
): Roving {
  return {
    tabIndex: index === chosen ? 0 : -1,
    onKeyDown: (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key]
      if (by === undefined) return
      event.preventDefault()
      const next = (index + by + count) % count
      choose(next)
      const buttons = event.currentTarget.closest("[data-roving]")?.querySelectorAll("button")
      buttons?.[next]?.focus()
    },
  }
}

import { type Signal, useSignal } from "@preact/signals"
import type { HTMLAttributes, TargetedMouseEvent } from "preact"

export interface Cell {
  readonly row: number
  readonly col: number
}

export interface Cursor {
  readonly cell: Signal<Cell | null>
  /** Event listeners for the element that contains the grid. */
  readonly on: Pick<
    HTMLAttributes<HTMLElement>,
    "onPointerMove" | "onPointerDown" | "onClick" | "onPointerLeave" | "onKeyDown" | "onBlur" | "onFocus"
  >
}

/**
 * A cursor over a grid of cells, for pointer, touch and keyboard. Arrow keys move it. Home and End move it within a
 * row, Page Up and Page Down within a column. Escape removes it.
 * @param onMove receives each new cell; `isChosen` is true after a click, a tap, Enter or Space
 */
export function useCursor(rows: number, cols: number, onMove: (cell: Cell | null, isChosen: boolean) => void): Cursor {
  const cell = useSignal<Cell | null>(null)
  const go = (next: Cell | null, isChosen = false): void => {
    if (!isChosen && next?.row === cell.value?.row && next?.col === cell.value?.col) return
    cell.value = next
    onMove(next, isChosen)
  }
  const cellUnder = (event: TargetedMouseEvent<HTMLElement>): Cell => {
    const box = event.currentTarget.getBoundingClientRect()
    const at = (share: number, n: number): number => Math.min(n - 1, Math.max(0, Math.floor(share * n)))
    return {
      row: at((event.clientY - box.top) / box.height, rows),
      col: at((event.clientX - box.left) / box.width, cols),
    }
  }
  return {
    cell,
    on: {
      // A moving finger scrolls the page. Only a tap, which is a click, chooses a cell.
      onPointerMove: (event) => {
        if (event.pointerType !== "touch") go(cellUnder(event))
      },
      onPointerDown: (event) => {
        if (event.pointerType !== "touch") go(cellUnder(event), true)
      },
      onClick: (event) => {
        if (event instanceof PointerEvent && event.pointerType === "touch") go(cellUnder(event), true)
      },
      onPointerLeave: (event) => {
        if (document.activeElement !== event.currentTarget) go(null)
      },
      onFocus: (event) => {
        if (cell.value === null && event.currentTarget.matches(":focus-visible")) go({ row: 0, col: 0 })
      },
      onBlur: () => go(null),
      onKeyDown: (event) => {
        const { row, col } = cell.value ?? { row: 0, col: 0 }
        const moves: Readonly<Record<string, Cell>> = {
          ArrowUp: { row: Math.max(0, row - 1), col },
          ArrowDown: { row: Math.min(rows - 1, row + 1), col },
          ArrowLeft: { row, col: Math.max(0, col - 1) },
          ArrowRight: { row, col: Math.min(cols - 1, col + 1) },
          Home: { row, col: 0 },
          End: { row, col: cols - 1 },
          PageUp: { row: 0, col },
          PageDown: { row: rows - 1, col },
          Enter: { row, col },
          " ": { row, col },
        }
        const next = moves[event.key]
        if (event.key === "Escape" && cell.value !== null) go(null)
        else if (next !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey)
          go(next, event.key === "Enter" || event.key === " ")
        else return
        event.preventDefault()
      },
    },
  }
}

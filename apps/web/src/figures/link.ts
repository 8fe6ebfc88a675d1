import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals"

/** The token under the pointer or the cursor of any figure. 0 is the class token, 1 the first patch. */
export const hoveredToken: Signal<number | null> = signal(null)
/** The second token of a figure that relates two tokens, such as the key of a query. */
export const otherToken: Signal<number | null> = signal(null)
/** The token that the reader clicked last. Figures of one token draw this one. */
export const chosenToken: Signal<number> = signal(6)
/** The token that all figures mark. */
export const markedToken: ReadonlySignal<number> = computed(() => hoveredToken.value ?? chosenToken.value)

/** The block and the head of the figures of attention. */
export const chosenBlock: Signal<number> = signal(0)
export const chosenHead: Signal<number> = signal(0)

/** A cell of a figure: the step, the number of the matrix in its figure, and the place. */
export interface LinkedCell {
  readonly step: string
  readonly matrix: number
  readonly row: number
  readonly col: number
}

/** The cell that the reader chose last, or that a link names. It keeps its mark. */
export const linkedCell: Signal<LinkedCell | null> = signal(null)

/** Whether all maps of attention in a figure have one scale, so that they can be compared. */
export const hasOneScale: Signal<boolean> = signal(false)

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals"

/** The token that the pointer or a cursor is on, in any figure; 0 is the class token, 1 the first patch. */
export const hoveredToken: Signal<number | null> = signal(null)
/** The token on the other side, where a figure relates two: the key of a query. */
export const otherToken: Signal<number | null> = signal(null)
/** The token that was chosen last by a click or a tap; figures that show one token show this one. */
export const chosenToken: Signal<number> = signal(6)
/** The token that all figures mark. */
export const markedToken: ReadonlySignal<number> = computed(() => hoveredToken.value ?? chosenToken.value)

/** Block and head that the figures of the attention show. */
export const chosenBlock: Signal<number> = signal(0)
export const chosenHead: Signal<number> = signal(0)

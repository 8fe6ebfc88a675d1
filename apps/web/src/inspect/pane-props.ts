import type { Slot } from "../engine/slot.ts"
import type { Pane } from "./state.ts"

/** The model that a figure draws. */
export interface PaneProps {
  readonly pane: Pane
  readonly slot: Slot
}

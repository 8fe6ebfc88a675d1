import type { ViTConfig } from "@vitrine/core"
import { elementAt } from "../checked.ts"
import { chosenBlock, chosenHead, chosenToken, linkedCell } from "../figures/link.ts"

/** The drawing that a link names, by its round and index. It is null if the link names none. */
export interface LinkedView {
  readonly drawing: readonly [round: number, index: number] | null
}

const whole = (text: string | null, most: number): number | null => {
  const value = text === null || !/^\d{1,6}$/.test(text) ? null : Number(text)
  return value === null || value > most ? null : value
}

/**
 * Sets the token, block, head and cell that the page's address names, and returns the drawing that it names. It ignores
 * invalid fields.
 */
export function readAddress({ depth, heads }: Pick<ViTConfig, "depth" | "heads">): LinkedView {
  const query = new URLSearchParams(location.search)
  const numbers = (name: string): (number | null)[] =>
    query
      .get(name)
      ?.split(".")
      .map((part) => whole(part, 100_000)) ?? []
  chosenToken.value = whole(query.get("token"), 16) ?? chosenToken.peek()
  chosenBlock.value = (whole(query.get("block"), depth) || chosenBlock.peek() + 1) - 1
  chosenHead.value = (whole(query.get("head"), heads) || chosenHead.peek() + 1) - 1
  const [matrix = null, row = null, col = null] = numbers("cell")
  const step = location.hash.slice(1)
  if (matrix !== null && row !== null && col !== null) linkedCell.value = { step, matrix, row, col }
  const [round = null, index = null] = numbers("drawing")
  return { drawing: round === null || index === null || index > 9 ? null : [round, index] }
}

/** The address of a step with the current view. No link contains the reader's own picture, which stays on the device. */
export function linkTo(step: string, drawing: readonly [number, number] | null): string {
  const fields: [string, string][] = [
    ["token", String(chosenToken.value)],
    ["block", String(chosenBlock.value + 1)],
    ["head", String(chosenHead.value + 1)],
  ]
  if (drawing !== null) fields.unshift(["drawing", drawing.join(".")])
  const cell = linkedCell.value
  if (cell?.step === step) fields.push(["cell", [cell.matrix, cell.row, cell.col].join(".")])
  const page = elementAt(location.href.split(/[?#]/), 0)
  return `${page}?${fields.map((field) => field.join("=")).join("&")}#${step}`
}

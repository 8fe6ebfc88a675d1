import type { Dataset } from "./dataset.ts"
import { type OrderChoice, usualWindow } from "./order.ts"

/** A data set in an order that a user asks for. Data with an order of their own have followed the choice already. */
export function inOrder(dataset: Dataset, choice: OrderChoice | undefined): Dataset {
  if (dataset.order !== undefined || choice === undefined || choice === "exact") return dataset
  return { ...dataset, order: choice === "windowed" ? usualWindow : choice }
}

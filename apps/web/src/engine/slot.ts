/** Two models can be open side by side. */
export const slots = ["a", "b"] as const

export type Slot = (typeof slots)[number]

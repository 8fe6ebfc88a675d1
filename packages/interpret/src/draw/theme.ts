/** Colours of everything but the data. */
export interface Theme {
  readonly background: string
  readonly ink: string
  readonly muted: string
  readonly grid: string
  readonly blue: string
  readonly orange: string
  readonly green: string
}

export const themes: Readonly<Record<"light" | "dark", Theme>> = {
  light: {
    background: "#ffffff",
    ink: "#111827",
    muted: "#4b5563",
    grid: "#e5e7eb",
    blue: "#2563eb",
    orange: "#c2410c",
    green: "#15803d",
  },
  dark: {
    background: "#0f1218",
    ink: "#f3f4f6",
    muted: "#a3abb8",
    grid: "#2a303b",
    blue: "#7aa2ff",
    orange: "#fb923c",
    green: "#4ade80",
  },
}

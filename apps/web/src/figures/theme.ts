import { effect, type Signal, signal } from "@preact/signals"

export type Theme = "light" | "dark"

const system = matchMedia("(prefers-color-scheme: dark)")

/** What the reader chose; null to follow the system. */
export const chosenTheme: Signal<Theme | null> = signal(stored())

/** The theme that is shown. */
export const theme: Signal<Theme> = signal("light")

function stored(): Theme | null {
  const value = localStorage.getItem("theme")
  return value === "light" || value === "dark" ? value : null
}

const settle = (): void => {
  theme.value = chosenTheme.value ?? (system.matches ? "dark" : "light")
  document.documentElement.dataset.theme = theme.value
}

system.addEventListener("change", settle)
effect(() => {
  if (chosenTheme.value === null) localStorage.removeItem("theme")
  else localStorage.setItem("theme", chosenTheme.value)
  settle()
})

import { effect, type Signal, signal } from "@preact/signals"

export type Theme = "light" | "dark"

const system = matchMedia("(prefers-color-scheme: dark)")

/** The reader's choice; null follows the system. */
export const chosenTheme: Signal<Theme | null> = signal(storedTheme())

/** The theme of the page. */
export const theme: Signal<Theme> = signal("light")

function storedTheme(): Theme | null {
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

import { effect, type Signal, signal } from "@preact/signals"
import type { ThemeName } from "@vitrine/interpret"
import { storedValue, storeValue } from "../stored.ts"

const system = matchMedia("(prefers-color-scheme: dark)")

/** The reader's choice, or null to follow the system. */
export const chosenTheme: Signal<ThemeName | null> = signal(storedTheme())

/** The theme of the page. */
export const theme: Signal<ThemeName> = signal("light")

function storedTheme(): ThemeName | null {
  const value = storedValue("theme")
  return value === "light" || value === "dark" ? value : null
}

const settle = (): void => {
  theme.value = chosenTheme.value ?? (system.matches ? "dark" : "light")
  document.documentElement.dataset.theme = theme.value
}

system.addEventListener("change", settle)
effect(() => {
  storeValue("theme", chosenTheme.value)
  settle()
})

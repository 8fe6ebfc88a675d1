import { effect, type Signal, signal } from "@preact/signals"
import { storedValue, storeValue } from "../stored.ts"
import { en } from "./en.ts"
import type { Texts } from "./texts.ts"

export const languageCodes = ["en", "ja", "ko"] as const

export type Language = (typeof languageCodes)[number]

/** The languages' own names. */
export const languages: Readonly<Record<Language, string>> = { en: "English", ja: "日本語", ko: "한국어" }

/** Other languages than English are fetched when a reader chooses them. */
const load: Readonly<Record<Language, () => Promise<Texts>>> = {
  en: async () => en,
  ja: async () => (await import("./ja.ts")).ja,
  ko: async () => (await import("./ko.ts")).ko,
}

/** The texts on the page. */
export const strings: Signal<Texts> = signal(en)

/** The reader's choice of an earlier visit, or the browser's first language that the site has. */
export const language: Signal<Language> = signal(
  [storedValue("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))]
    .flatMap((tag) => languageCodes.find((code) => code === tag) ?? [])
    .at(0) ?? "en",
)

effect(() => {
  void apply(language.value)
})

async function apply(chosen: Language): Promise<void> {
  const texts = await load[chosen]()
  if (language.peek() !== chosen) return
  strings.value = texts
  document.documentElement.lang = chosen
}

export function chooseLanguage(chosen: Language): void {
  storeValue("language", chosen)
  language.value = chosen
}

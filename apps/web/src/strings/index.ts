import { effect, type Signal, signal } from "@preact/signals"
import { en } from "./en.ts"

/** Texts of one language; English says which there are. */
export type Strings = typeof en

export const languages = { en: "English", ja: "日本語", ko: "한국어" } as const

export type Language = keyof typeof languages

const load: Readonly<Record<Language, () => Promise<Strings>>> = {
  en: async () => en,
  ja: async () => (await import("./ja.ts")).ja,
  ko: async () => (await import("./ko.ts")).ko,
}

/** The texts that are shown. */
export const strings: Signal<Strings> = signal(en)

export const language: Signal<Language> = signal(preferred())

function preferred(): Language {
  const wanted = [localStorage.getItem("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))]
  return (wanted.find((tag) => tag !== null && Object.hasOwn(languages, tag)) ?? "en") as Language
}

effect(() => {
  const chosen = language.value
  void show(chosen)
})

async function show(chosen: Language): Promise<void> {
  const texts = await load[chosen]()
  if (language.peek() !== chosen) return
  strings.value = texts
  document.documentElement.lang = chosen
}

export function chooseLanguage(chosen: Language): void {
  localStorage.setItem("language", chosen)
  language.value = chosen
}

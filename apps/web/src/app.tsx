import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { backendNames } from "./engine/backend-name.ts"
import { chosenBackend, engineFault, switchBackend } from "./engine/client.ts"
import { Select } from "./figures/select.tsx"
import { Tables } from "./figures/tables.tsx"
import { chosenTheme } from "./figures/theme.ts"
import { Zoom } from "./figures/zoom.tsx"
import { Framed, inForeignFrame } from "./frame.tsx"
import { Guide } from "./guide/guide.tsx"
import { addressOf, go, type Room, room, rooms } from "./router.ts"
import { chooseLanguage, language, languageCodes, languages, strings } from "./strings/index.ts"

export function App(): JSX.Element {
  const t = strings.value
  const currentRoom = room.value
  useEffect(() => {
    document.title = `${t.rooms[currentRoom]} · Vitrine`
  }, [currentRoom, t])
  return (
    <>
      <a class="skip" href="#content">
        {t.skip}
      </a>
      <header class="top">
        <a class="brand" href={addressOf("guide")} onClick={visit("guide")}>
          <span class="brand-mark" aria-hidden="true">
            <i />
            <i />
            <i />
            <i />
          </span>
          Vitrine
        </a>
        <nav aria-label={t.tagline}>
          {rooms.map((each) => (
            <a
              key={each}
              href={addressOf(each)}
              onClick={visit(each)}
              {...(each === currentRoom ? { "aria-current": "page" as const } : {})}
            >
              {t.rooms[each]}
            </a>
          ))}
        </nav>
        <div class="settings">
          <Select
            label={t.compute.label}
            value={chosenBackend.value}
            options={backendNames.map((name) => ({ value: name, text: t.compute[name] }))}
            onChoose={switchBackend}
          />
          <Select
            label={t.language}
            value={language.value}
            options={languageCodes.map((code) => ({ value: code, text: languages[code], lang: code }))}
            onChoose={chooseLanguage}
          />
          <Select
            label={t.theme.label}
            value={chosenTheme.value ?? "system"}
            options={themeChoices.map((choice) => ({ value: choice, text: t.theme[choice] }))}
            onChoose={(choice) => {
              chosenTheme.value = choice === "system" ? null : choice
            }}
          />
        </div>
      </header>
      {engineFault.value === null ? null : (
        <p class="status failed banner" role="alert">
          {t.status.noEngine(engineFault.value)}
        </p>
      )}
      {currentRoom === "guide" ? (
        <Guide />
      ) : inForeignFrame ? (
        <Framed room={currentRoom} />
      ) : (
        <LazyRoom key={currentRoom} load={lazyRooms[currentRoom]} />
      )}
      <Zoom />
      <Tables />
    </>
  )
}

const themeChoices = ["system", "light", "dark"] as const

const lazyRooms: Readonly<Record<Exclude<Room, "guide">, () => Promise<() => JSX.Element>>> = {
  train: async () => (await import("./train/train.tsx")).Train,
  inspect: async () => (await import("./inspect/inspect.tsx")).Inspect,
  detect: async () => (await import("./detect/detect.tsx")).Detect,
}

/** A room whose code is loaded when the reader enters it. */
function LazyRoom({ load }: { readonly load: () => Promise<() => JSX.Element> }): JSX.Element | null {
  const loaded = useSignal<(() => JSX.Element) | null>(null)
  const isMissing = useSignal(false)
  useEffect(() => {
    const enter = async (): Promise<void> => {
      loaded.value = await load()
    }
    enter().catch(() => {
      isMissing.value = true
    })
  }, [load])
  const Component = loaded.value
  if (isMissing.value)
    return (
      <main id="content" class="room">
        <p class="status failed" role="alert">
          {strings.value.status.notKept}
        </p>
      </main>
    )
  return Component === null ? <main id="content" class="room" /> : <Component />
}

/** Follows a link within the page, unless the reader opens it in another tab. */
function visit(to: Room): (event: MouseEvent) => void {
  return (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    go(to)
  }
}

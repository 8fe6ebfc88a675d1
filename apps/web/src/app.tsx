import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import type { BackendName } from "./engine/backend.ts"
import { choose, chosenBackend, engineFault } from "./engine/client.ts"
import { chosenTheme, type Theme } from "./figures/theme.ts"
import { Zoom } from "./figures/zoom.tsx"
import { Guide } from "./guide/guide.tsx"
import { addressOf, go, type Room, room, rooms } from "./router.ts"
import { chooseLanguage, type Language, language, languages, strings } from "./strings/index.ts"

export function App(): JSX.Element {
  const t = strings.value
  const here = room.value
  useEffect(() => {
    document.title = `${t.rooms[here]} · Vitrine`
  }, [here, t])
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
              {...(each === here ? { "aria-current": "page" as const } : {})}
            >
              {t.rooms[each]}
            </a>
          ))}
        </nav>
        <div class="settings">
          <select
            aria-label={t.compute.label}
            value={chosenBackend.value}
            onChange={(event) => choose(event.currentTarget.value as BackendName)}
          >
            {(["auto", "webgpu", "onnx-web"] as const).map((each) => (
              <option key={each} value={each}>
                {t.compute[each]}
              </option>
            ))}
          </select>
          <select
            aria-label={t.language}
            value={language.value}
            onChange={(event) => chooseLanguage(event.currentTarget.value as Language)}
          >
            {Object.entries(languages).map(([code, name]) => (
              <option key={code} value={code} lang={code}>
                {name}
              </option>
            ))}
          </select>
          <select
            aria-label={t.theme.label}
            value={chosenTheme.value ?? "system"}
            onChange={(event) => {
              const { value } = event.currentTarget
              chosenTheme.value = value === "system" ? null : (value as Theme)
            }}
          >
            {(["system", "light", "dark"] as const).map((each) => (
              <option key={each} value={each}>
                {t.theme[each]}
              </option>
            ))}
          </select>
        </div>
      </header>
      {engineFault.value === null ? null : (
        <p class="status failed banner" role="alert">
          {t.status.noEngine(engineFault.value)}
        </p>
      )}
      {here === "guide" ? <Guide /> : null}
      {here === "train" ? <Room key="train" load={train} /> : null}
      {here === "inspect" ? <Room key="inspect" load={inspect} /> : null}
      {here === "detect" ? <Room key="detect" load={detect} /> : null}
      <Zoom />
    </>
  )
}

const train = async (): Promise<() => JSX.Element> => (await import("./train/train.tsx")).Train

const inspect = async (): Promise<() => JSX.Element> => (await import("./inspect/inspect.tsx")).Inspect

const detect = async (): Promise<() => JSX.Element> => (await import("./detect/detect.tsx")).Detect

/** A room whose code is loaded when it is entered. */
function Room({ load }: { readonly load: () => Promise<() => JSX.Element> }): JSX.Element | null {
  const loaded = useSignal<(() => JSX.Element) | null>(null)
  useEffect(() => {
    void load().then((Component) => {
      loaded.value = Component
      return Component
    })
  }, [load])
  const Component = loaded.value
  return Component === null ? <main id="content" class="room" /> : <Component />
}

/** Follows a link inside the page, unless the reader wants it in another tab. */
function visit(to: Room): (event: MouseEvent) => void {
  return (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    go(to)
  }
}

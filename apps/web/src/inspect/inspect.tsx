import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { Alert } from "../figures/alert.tsx"
import { DropZone } from "../figures/drop-zone.tsx"
import { pictureTypes, Shots } from "../figures/shots.tsx"
import { strings } from "../strings/index.ts"
import { KeptFiles } from "./kept-files.tsx"
import { ModelChoice } from "./model-choice.tsx"
import * as state from "./state.ts"
import { Views } from "./views.tsx"

export function Inspect(): JSX.Element {
  const t = strings.value.inspect
  useEffect(() => {
    if (state.panes.peek().a === null) void state.restore(location.search)
  }, [])
  const { a, b } = state.panes.value
  const wantsSecond = state.missing.value.some((each) => each.for === "b")
  return (
    <main id="content" class="room" tabIndex={-1}>
      <header class="opening">
        <h1>{t.title}</h1>
        <p class="lead">{t.lead}</p>
      </header>
      <div class={b === null && !wantsSecond ? "models" : "models two"}>
        <ModelChoice slot="a" />
        {b === null && !wantsSecond ? null : <ModelChoice slot="b" />}
      </div>
      <div class="actions">
        {b === null ? (
          <button type="button" disabled={a === null} onClick={() => void state.openModel("b", { kind: "guide" })}>
            {t.second}
          </button>
        ) : (
          <button type="button" onClick={() => void state.closeModel("b")}>
            {t.noSecond}
          </button>
        )}
        <button type="button" class="text" disabled={a === null} onClick={() => void copyLink()}>
          {t.link}
        </button>
        {state.link.value === null ? null : <small role="status">{t.linkCopied}</small>}
      </div>
      <KeptFiles />
      {state.fault.value === null ? null : <Alert>{strings.value.status.failed(state.fault.value)}</Alert>}
      <p class="status" role="status" data-busy={state.busy.value > 0}>
        {state.busy.value > 0 ? strings.value.status.computing : ""}
      </p>
      <Pictures />
      {a === null ? <div class="waiting" /> : <Views />}
    </main>
  )
}

async function copyLink(): Promise<void> {
  await state.makeLink()
  if (state.link.value === null) return
  history.replaceState(null, "", `${location.pathname}?${state.link.value.query}`)
  // If the browser refuses the clipboard, the reader still has the link in the address bar.
  navigator.clipboard?.writeText(location.href).catch(() => {})
}

function Pictures(): JSX.Element {
  const t = strings.value.inspect
  return (
    <section class="pictures" aria-label={t.pictures}>
      <DropZone
        buttons={[{ text: t.choosePictures, accept: pictureTypes }]}
        onFiles={(entries) => void state.addPictures(entries)}
      >
        <Shots shots={state.shots.value} current={state.current.value} onShow={(i) => void state.show(i)} />
        <p class="hint">{t.dropPictures}</p>
      </DropZone>
    </section>
  )
}

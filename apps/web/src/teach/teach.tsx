import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { Alert } from "../figures/alert.tsx"
import { DropZone } from "../figures/drop-zone.tsx"
import { strings } from "../strings/index.ts"
import { cameraFault, closeCamera } from "./camera.ts"
import { Card } from "./card.tsx"
import { Further } from "./further.tsx"
import * as state from "./state.ts"
import { Take } from "./take.tsx"
import { Try } from "./try.tsx"

/** Teaches a model that has seen photographs new classes from a few pictures. */
export function Teach(): JSX.Element {
  const t = strings.value.teach
  /** The class whose card shows the camera. */
  const filmed = useSignal<number | null>(null)
  useEffect(() => {
    void state.begin()
    return closeCamera
  }, [])
  const { value: backbone } = state.backbone
  const film = (key: number | null): void => {
    filmed.value = key
  }
  return (
    <section class="teach" aria-label={t.title}>
      {state.fault.value === null ? null : <Alert>{strings.value.status.failed(state.fault.value)}</Alert>}
      {cameraFault.value === null ? null : <Alert>{t.noCamera(cameraFault.value)}</Alert>}
      <div class="teach-grid">
        <div>
          <div class="teach-cards">
            {state.classes.value.map((taught) => (
              <Card key={taught.key} taught={taught} films={filmed.value === taught.key} onFilm={film} />
            ))}
          </div>
          <div class="actions">
            <button type="button" onClick={state.addClass}>
              {t.addClass}
            </button>
            <button type="button" class="text" disabled={state.past.value.length === 0} onClick={state.undo}>
              {t.undo}
            </button>
          </div>
          {state.reading.value === null ? null : <p role="status">{t.reading(...state.reading.value)}</p>}
          {state.unreadable.value.length === 0 ? null : (
            <Alert>{t.unreadable(state.unreadable.value.length, state.unreadable.value[0] ?? "")}</Alert>
          )}
          <DropZone buttons={[{ text: t.folders, folder: true }]} onFiles={(entries) => void state.addFolders(entries)}>
            <p class="hint">{t.foldersHint}</p>
          </DropZone>
          <p class="hint" data-backbone={backbone?.name ?? ""}>
            {backbone === null
              ? t.opening
              : t.backbone(backbone.name, backbone.parameters.toLocaleString(), backbone.side)}{" "}
            {backbone?.data ? t.learnedFrom(backbone.data) : null}{" "}
            {backbone?.licence ? t.licence(backbone.licence) : null}
          </p>
          <details>
            <summary>{t.ownBackbone}</summary>
            <DropZone
              buttons={[
                { text: strings.value.train.chooseFolder, folder: true },
                { text: strings.value.train.chooseZip, accept: ".zip,.json,.safetensors" },
              ]}
              onFiles={(entries) => void state.openBackbone(entries)}
            >
              <p class="hint">{t.ownBackboneHint}</p>
            </DropZone>
          </details>
        </div>
        <div class="teach-side">
          <Try onFilm={film} />
          {state.lesson.value === null ? null : (
            <>
              <Take />
              <Further />
            </>
          )}
        </div>
      </div>
    </section>
  )
}

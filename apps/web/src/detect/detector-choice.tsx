import type { JSX } from "preact"
import { DropZone } from "../figures/drop-zone.tsx"
import { count } from "../figures/format.ts"
import { strings } from "../strings/index.ts"
import * as state from "./state.ts"

/** Names the detector, and lets the reader choose another. */
export function DetectorChoice(): JSX.Element {
  const t = strings.value.detect
  const { inspect } = strings.value
  const summary = state.summary.value
  const isBuiltIn = state.origin.value.kind === "builtIn"
  return (
    <section class="model-choice" id="detector" aria-label={t.model}>
      <h2>{t.model}</h2>
      {summary === null ? null : (
        <p class="hint" data-model={isBuiltIn ? "built-in" : summary.name}>
          <b>{isBuiltIn ? t.builtIn : summary.name}</b>
          {": "}
          {t.about({
            parameters: count(summary.parameters),
            layers: summary.layers,
            encoder: summary.encoderDepth,
            heads: summary.heads,
            queries: summary.queries,
            classes: summary.labels.length,
          })}
          {summary.notes.map((note) => (
            <small key={note}> {note}</small>
          ))}
        </p>
      )}
      <DropZone
        buttons={[
          { text: inspect.chooseFolder, folder: true },
          { text: inspect.chooseFile, accept: ".safetensors,.json,.zip" },
        ]}
        onFiles={(entries) => void state.openDetector({ kind: "files", entries })}
      >
        <p class="hint">{t.dropModel}</p>
      </DropZone>
      {state.busy.value === 0 ? null : <p class="status">{strings.value.status.computing}</p>}
      {isBuiltIn ? null : (
        <div class="actions">
          <button type="button" onClick={() => void state.openDetector({ kind: "builtIn" })}>
            {t.builtIn}
          </button>
        </div>
      )}
    </section>
  )
}

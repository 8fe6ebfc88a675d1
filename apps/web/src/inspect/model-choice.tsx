import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { engine } from "../engine/client.ts"
import type { Slot } from "../engine/slot.ts"
import { DropZone } from "../figures/drop-zone.tsx"
import { count } from "../figures/format.ts"
import { strings } from "../strings/index.ts"
import * as state from "./state.ts"

/** Names the model of a slot, and lets the reader choose another. */
export function ModelChoice({ slot }: { readonly slot: Slot }): JSX.Element {
  const t = strings.value.inspect
  const pane = state.panes.value[slot]
  const runs = useSignal<readonly string[]>([])
  useEffect(() => {
    const list = async (): Promise<void> => {
      const summaries = await engine()
        .training.runs()
        .catch(() => [])
      runs.value = summaries.map(({ name }) => name)
    }
    void list()
  }, [])
  const isMissing = state.missing.value.some((each) => each.for === slot)
  const selectedSource = isMissing
    ? ""
    : pane?.origin.kind === "run"
      ? `run:${pane.origin.name}`
      : (pane?.origin.kind ?? "guide")
  return (
    <section class="model-choice" aria-label={`${t.models} ${slot === "a" ? 1 : 2}`}>
      <label class="field">
        {t.models}
        <select
          value={selectedSource}
          onChange={(event) => {
            const { value } = event.currentTarget
            if (value === "guide") void state.openModel(slot, { kind: "guide" })
            else if (value.startsWith("run:")) void state.openModel(slot, { kind: "run", name: value.slice(4) })
          }}
        >
          {isMissing ? <option value="" /> : null}
          <option value="guide">{t.sources.guide}</option>
          {runs.value.map((name) => (
            <option key={name} value={`run:${name}`}>
              {t.sources.run(name)}
            </option>
          ))}
          {pane?.origin.kind === "files" ? <option value="files">{pane.summary.name}</option> : null}
        </select>
      </label>
      <DropZone
        buttons={[
          { text: t.chooseFolder, folder: true },
          { text: t.chooseFile, accept: ".safetensors,.json,.npz,.zip" },
        ]}
        onFiles={(entries) => void state.openModel(slot, { kind: "files", entries })}
      >
        <p class="hint">{t.dropModel}</p>
      </DropZone>
      <Options slot={slot} />
      {pane === null ? null : (
        <p class="hint" data-model={slot}>
          <b>{pane.origin.kind === "guide" ? t.sources.guide : pane.summary.name}</b>
          {": "}
          {t.about({
            ...pane.summary,
            parameters: count(pane.summary.parameters),
            side: pane.summary.imageSize.join(" × "),
            patch: pane.summary.patchSize.join(" × "),
          })}
          {pane.summary.notes.map((note) => (
            <small key={note}> {note}</small>
          ))}
        </p>
      )}
    </section>
  )
}

/** Settings of the reader that replace those of the files. */
function Options({ slot }: { readonly slot: Slot }): JSX.Element {
  const t = strings.value.inspect
  const side = useSignal("")
  const heads = useSignal("")
  const architecture = useSignal("")
  const field = (name: string, value: typeof side, most: number): JSX.Element => (
    <label class="field">
      {name}
      <input
        type="number"
        min={1}
        max={most}
        value={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.value
        }}
      />
    </label>
  )
  return (
    <details>
      <summary>{t.options}</summary>
      <div class="fields">
        {field(t.side, side, 2048)}
        {field(t.headCount, heads, 64)}
        <label class="field">
          {t.architecture}
          <input
            type="text"
            value={architecture.value}
            onChange={(event) => {
              architecture.value = event.currentTarget.value.trim()
            }}
          />
        </label>
      </div>
      <button
        type="button"
        onClick={() =>
          void state.openModel(slot, state.lastChoice.value[slot], {
            ...(side.value === "" ? {} : { side: Number(side.value) }),
            ...(heads.value === "" ? {} : { heads: Number(heads.value) }),
            ...(architecture.value === "" ? {} : { architecture: architecture.value }),
          })
        }
      >
        {t.reopen}
      </button>
    </details>
  )
}

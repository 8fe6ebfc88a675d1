import type { Signal } from "@preact/signals"
import type { JSX } from "preact"
import { dataKinds } from "../engine/data-kind.ts"
import { DropZone } from "../figures/drop-zone.tsx"
import { Select } from "../figures/select.tsx"
import { strings } from "../strings/index.ts"
import * as form from "./form.ts"
import { Make } from "./make.tsx"
import { resolutions, sizes } from "./presets.ts"
import * as state from "./state.ts"

/** The choices before a run starts. */
export function Setup(): JSX.Element {
  const t = strings.value.train
  const { kind, size, side, augment, name, from, heads, architecture } = form
  const busy = state.phase.value === "preparing" || state.phase.value === "running"
  const pictures = state.pictures.value
  const number = (
    label: string,
    value: Signal<number>,
    options: { readonly min: number; readonly max?: number; readonly step?: number },
  ): JSX.Element => (
    <label class="field">
      {label}
      <input
        type="number"
        value={value.value}
        {...options}
        onChange={(event) => {
          value.value = Math.max(options.min, Number(event.currentTarget.value))
        }}
      />
    </label>
  )
  return (
    <form
      class="setup"
      onSubmit={(event) => {
        event.preventDefault()
        void state.begin(form.setup)
      }}
    >
      <fieldset disabled={busy}>
        <legend>
          <span class="step-number">1</span> {t.data}
        </legend>
        <div class="choices">
          {dataKinds.map((each) => (
            <label key={each} class="choice">
              <input type="radio" name="kind" checked={kind.value === each} onChange={() => form.chooseKind(each)} />
              {t.kinds[each]}
            </label>
          ))}
        </div>
        {kind.value === "shapes" ? <p class="hint">{t.shapesHint}</p> : null}
        {kind.value === "folder" ? (
          <>
            <DropZone
              buttons={[
                { text: t.chooseFolder, folder: true },
                { text: t.chooseData, accept: ".zip,.parquet" },
              ]}
              onFiles={(entries) => void state.readFolder(entries, side.value)}
            >
              <p class="hint">
                {t.folderHint} {t.dropHere}
              </p>
            </DropZone>
            {state.readProgress.value === null ? null : <p role="status">{t.reading(...state.readProgress.value)}</p>}
            {pictures === null ? null : (
              <p role="status">
                {t.readData(pictures.name, pictures.train, pictures.validation, pictures.classes.length)}{" "}
                {pictures.faults.length === 0 ? null : t.unreadable(pictures.faults.length, pictures.faults[0] ?? "")}{" "}
                {pictures.passedOver.length === 0 ? null : t.passedOver(pictures.passedOver.join("; "))}
              </p>
            )}
          </>
        ) : null}
        {kind.value === "make" ? <Make /> : null}
      </fieldset>
      <fieldset disabled={busy}>
        <legend>
          <span class="step-number">2</span> {t.model}
        </legend>
        <div class="fields">
          {from.value.length > 0 ? null : (
            <label class="field wide">
              {t.size}
              <Select
                value={size.value}
                options={sizes.map((each) => ({ value: each, text: t.sizes[each] }))}
                onChoose={(next) => {
                  size.value = next
                }}
              />
            </label>
          )}
          <label class="field">
            {t.resolution}
            <Select
              value={side.value}
              options={(from.value.length > 0 ? [...resolutions, 224] : resolutions).map((each) => ({
                value: each,
                text: `${each} × ${each}`,
              }))}
              onChoose={(next) => {
                side.value = next
                void state.readFolderAgain(next)
              }}
            />
          </label>
        </div>
        <details>
          <summary>{t.from}</summary>
          <DropZone
            buttons={[
              { text: t.chooseFolder, folder: true },
              { text: t.chooseZip, accept: ".zip,.json,.safetensors" },
            ]}
            onFiles={(entries) => {
              from.value = entries
              form.rate.value = 0.0003
            }}
          >
            <p class="hint">{t.fromHint}</p>
            {from.value.length === 0 ? null : (
              <>
                <p role="status">
                  {t.fromChosen(from.value[0]?.[0].split("/")[0] ?? "")}{" "}
                  <button
                    type="button"
                    class="text"
                    onClick={() => {
                      from.value = []
                      heads.value = 0
                      architecture.value = ""
                    }}
                  >
                    {t.notFrom}
                  </button>
                </p>
                <label class="field">
                  {strings.value.inspect.architecture}
                  <input
                    type="text"
                    value={architecture.value}
                    onChange={(event) => {
                      architecture.value = event.currentTarget.value.trim()
                    }}
                  />
                </label>
                <label class="field">
                  {strings.value.inspect.headCount}
                  <input
                    type="number"
                    min={1}
                    max={64}
                    value={heads.value || ""}
                    onChange={(event) => {
                      heads.value = Number(event.currentTarget.value)
                    }}
                  />
                </label>
              </>
            )}
          </DropZone>
        </details>
      </fieldset>
      <fieldset disabled={busy}>
        <legend>
          <span class="step-number">3</span> {t.recipe}
        </legend>
        <div class="fields">
          {number(t.steps, form.steps, { min: 1, max: 100000 })}
          {number(t.batch, form.batch, { min: 1, max: 1024 })}
          {number(t.rate, form.rate, { min: 0, max: 1, step: 0.0001 })}
          {number(t.seed, form.seed, { min: 0 })}
        </div>
        <label class="choice">
          <input
            type="checkbox"
            checked={augment.value}
            onChange={(event) => {
              augment.value = event.currentTarget.checked
            }}
          />
          {t.augment}
        </label>
        <label class="field">
          {t.name}
          <input
            type="text"
            value={name.value}
            maxLength={40}
            onInput={(event) => {
              name.value = event.currentTarget.value.replaceAll(/[/\\:]/g, "")
            }}
          />
        </label>
      </fieldset>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>
          {t.start}
        </button>
      </div>
    </form>
  )
}

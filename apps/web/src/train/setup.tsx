import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import type { Entry } from "../engine/archive.ts"
import type { TrainSetup } from "../engine/training.ts"
import { DropZone } from "../figures/drop-zone.tsx"
import { Select } from "../figures/select.tsx"
import { strings } from "../strings/index.ts"
import { examples, Make } from "./make.tsx"
import { modelOf, recipeOf, resolutions, type Size, sizes } from "./presets.ts"
import * as state from "./state.ts"

const dataKinds = ["shapes", "folder", "make"] as const

type DataKind = (typeof dataKinds)[number]

/** Everything that is chosen before a run starts. */
export function Setup(): JSX.Element {
  const t = strings.value.train
  const kind = useSignal<DataKind>("shapes")
  const size = useSignal<Size>("small")
  const side = useSignal(32)
  const steps = useSignal(600)
  const batch = useSignal(64)
  const rate = useSignal(0.002)
  const augment = useSignal(false)
  const seed = useSignal(0)
  const name = useSignal("shapes")
  const from = useSignal<readonly Entry[]>([])
  const heads = useSignal(0)
  const busy = state.phase.value === "preparing" || state.phase.value === "running"
  const pictures = state.pictures.value
  const setup = async (): Promise<TrainSetup> => {
    if (kind.value === "make") await state.readExamples(examples.value, side.value)
    const count = kind.value === "shapes" ? Number.POSITIVE_INFINITY : (state.pictures.value?.train ?? 0)
    const model =
      from.value.length === 0
        ? modelOf(size.value, side.value)
        : { imageSize: [side.value, side.value] as const, ...(heads.value > 0 ? { heads: heads.value } : {}) }
    const choice = {
      steps: steps.value,
      batchSize: Math.max(1, Math.min(batch.value, count)),
      learningRate: rate.value,
      augment: augment.value,
    }
    return {
      name: freeName(name.value.trim() || "run"),
      data: kind.value === "shapes" ? "shapes" : "pictures",
      recipe: recipeOf(model, choice, side.value),
      seed: seed.value,
      ...(from.value.length === 0 ? {} : { from: from.value }),
    }
  }
  const number = (
    label: string,
    value: typeof steps,
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
        void state.begin(setup)
      }}
    >
      <fieldset disabled={busy}>
        <legend>
          <span class="step-number">1</span> {t.data}
        </legend>
        <div class="choices">
          {dataKinds.map((each) => (
            <label key={each} class="choice">
              <input
                type="radio"
                name="kind"
                checked={kind.value === each}
                onChange={() => {
                  kind.value = each
                  name.value = each === "shapes" ? "shapes" : "mine"
                  augment.value = each !== "shapes"
                }}
              />
              {t.kinds[each]}
            </label>
          ))}
        </div>
        {kind.value === "shapes" ? <p class="hint">{t.shapesHint}</p> : null}
        {kind.value === "folder" ? (
          <DropZone
            buttons={[
              { text: t.chooseFolder, folder: true },
              { text: t.chooseZip, accept: ".zip" },
            ]}
            onFiles={(entries) => void state.readFolder(entries, side.value)}
          >
            <p class="hint">
              {t.folderHint} {t.dropHere}
            </p>
            {state.readProgress.value === null ? null : <p role="status">{t.reading(...state.readProgress.value)}</p>}
            {pictures === null ? null : (
              <p role="status">
                {t.readData(pictures.name, pictures.train, pictures.validation, pictures.classes.length)}
              </p>
            )}
          </DropZone>
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
                state.pictures.value = null
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
              rate.value = 0.0003
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
                    }}
                  >
                    {t.notFrom}
                  </button>
                </p>
                <label class="field">
                  {strings.value.inspect.headCount}
                  <input
                    type="number"
                    min={1}
                    max={64}
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
          {number(t.steps, steps, { min: 1, max: 100000 })}
          {number(t.batch, batch, { min: 1, max: 1024 })}
          {number(t.rate, rate, { min: 0, max: 1, step: 0.0001 })}
          {number(t.seed, seed, { min: 0 })}
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

/** A name that no run has. */
function freeName(name: string): string {
  const names = new Set(state.runs.value.map((run) => run.name))
  let free = name
  for (let i = 2; names.has(free); i++) free = `${name}-${i}`
  return free
}

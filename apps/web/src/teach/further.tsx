import type { JSX } from "preact"
import { strings } from "../strings/index.ts"
import * as form from "../train/form.ts"
import { takePictures } from "../train/make.tsx"
import { resolutions } from "../train/presets.ts"
import * as state from "./state.ts"

/** Takes the pictures to the form that trains all layers. */
export function Further(): JSX.Element {
  const t = strings.value.teach
  const go = async (fineTunes: boolean): Promise<void> => {
    takePictures(
      state.classes.value.flatMap(({ name, pictures }) =>
        pictures.map(({ thumb }) => ({ className: name, image: thumb })),
      ),
    )
    form.chooseKind("make")
    form.from.value = fineTunes ? await (await state.teaching()).files() : []
    form.rate.value = fineTunes ? 0.0003 : 0.002
    form.steps.value = fineTunes ? 200 : 600
    const { side } = state.backbone.value ?? { side: 32 }
    form.side.value = fineTunes ? side : (resolutions.find((each) => each >= side) ?? 32)
    document.getElementById("train-form")?.scrollIntoView({ block: "start" })
  }
  return (
    <section aria-label={t.further}>
      <h2>{t.further}</h2>
      <div class="actions">
        <button type="button" onClick={() => void state.attempt(() => go(true))}>
          {t.fineTune}
        </button>
        <button type="button" class="text" onClick={() => void state.attempt(() => go(false))}>
          {t.scratch}
        </button>
      </div>
      <p class="hint">{t.furtherHint}</p>
    </section>
  )
}

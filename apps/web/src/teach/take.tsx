import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { save } from "../figures/save.ts"
import { language, strings } from "../strings/index.ts"
import * as state from "./state.ts"

const name = "my-model"

const program = `import { load } from "vitrine/web"

const model = await load("/${name}/")
console.log(await model.predict(document.querySelector("img")))`

/** Downloads of the taught model. */
export function Take(): JSX.Element {
  const t = strings.value.teach
  const withPictures = useSignal(false)
  return (
    <section aria-label={t.take}>
      <h2>{t.take}</h2>
      <div class="actions">
        <button
          type="button"
          class="primary"
          onClick={() =>
            void state.attempt(async (remote) => {
              const texts = {
                language: language.value,
                title: t.ownTitle,
                hint: t.tryHint,
                choose: t.choosePicture,
                camera: t.tryCamera,
                noCamera: t.noCamera(""),
                opening: t.opening,
                save: t.folder,
                node: t.node,
                folder: name,
                made: t.made,
              }
              save(new Blob([await remote.page(texts)], { type: "text/html" }), "index.html")
            })
          }
        >
          {t.page}
        </button>
        <span class="hint">{t.pageHint}</span>
      </div>
      <div class="actions">
        <button
          type="button"
          onClick={() =>
            void state.attempt(async (remote) => {
              const pictures = withPictures.value ? state.taughtClasses() : []
              save(new Blob([await remote.folder(name, pictures)], { type: "application/zip" }), `${name}.zip`)
            })
          }
        >
          {t.folder}
        </button>
        <label class="choice">
          <input
            type="checkbox"
            checked={withPictures.value}
            onChange={(event) => {
              withPictures.value = event.currentTarget.checked
            }}
          />
          {t.withPictures}
        </label>
        <button
          type="button"
          onClick={() =>
            void state.attempt(async (remote) => {
              save(await remote.onnx(), `${name}.onnx`)
            })
          }
        >
          {t.onnx}
        </button>
      </div>
      <p class="hint">
        {t.node} <code>ONNXRUNTIME_NODE_INSTALL=skip npx @vitrine/cli predict --model {name} photo.jpg</code>
        {withPictures.value ? (
          <>
            {" · "}
            <code>
              ONNXRUNTIME_NODE_INSTALL=skip npx @vitrine/cli train --from {name} --data {name}/pictures
            </code>
          </>
        ) : null}
      </p>
      <details>
        <summary>{t.snippet}</summary>
        <pre tabIndex={0}>{program}</pre>
      </details>
    </section>
  )
}

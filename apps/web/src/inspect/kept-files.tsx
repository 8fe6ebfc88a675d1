import type { JSX } from "preact"
import { Alert } from "../figures/alert.tsx"
import { brief } from "../figures/format.ts"
import { strings } from "../strings/index.ts"
import * as state from "./state.ts"

/** The dropped files of a link: those that are missing in this browser, and those that it can keep. */
export function KeptFiles(): JSX.Element {
  const t = strings.value.inspect
  const loose = state.link.value?.loose ?? []
  const bytes = loose.flatMap(({ entries }) => entries).reduce((sum, [, file]) => sum + file.size, 0)
  return (
    <>
      {state.missing.value.map((each) => (
        <Alert key={`${each.for} ${each.name}`}>
          {each.for === "picture" ? t.missingPicture(each.name) : t.missingModel(each.name)}
        </Alert>
      ))}
      {loose.length === 0 ? null : (
        <p class="hint" role="status">
          {t.loose(megabytes(bytes))}{" "}
          <button type="button" onClick={() => void state.keepFiles()}>
            {t.keep}
          </button>
        </p>
      )}
      {state.keptBytes.value === 0 ? null : (
        <p class="hint">
          {t.kept(megabytes(state.keptBytes.value))}{" "}
          <button type="button" class="text" onClick={() => void state.forgetFiles()}>
            {t.forget}
          </button>
        </p>
      )}
    </>
  )
}

const megabytes = (bytes: number): string => `${brief(Math.max(0.01, bytes / 1e6))} MB`

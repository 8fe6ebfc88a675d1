import type { JSX } from "preact"
import { canKeep, keepWholeSite, siteBytes, wholeSite } from "../offline.ts"
import { addressOf, go } from "../router.ts"
import { strings } from "../strings/index.ts"

const paper = "https://arxiv.org/abs/2010.11929"
const sources = "https://github.com/vitrine-js/vitrine"

/** What comes after the last step. */
export function End(): JSX.Element {
  const { end } = strings.value.guide
  return (
    <section class="end" aria-labelledby="end-title">
      <h2 id="end-title">{end.title}</h2>
      <ul>
        <li>
          <a
            href={addressOf("train")}
            onClick={(event) => {
              if (event.metaKey || event.ctrlKey || event.shiftKey) return
              event.preventDefault()
              go("train")
            }}
          >
            {end.train}
          </a>
        </li>
        <li>
          <a href={paper} rel="noopener">
            {end.paper}
          </a>
        </li>
        <li>
          <a href={sources} rel="noopener">
            {end.sources}
          </a>
        </li>
      </ul>
      {canKeep && siteBytes !== null ? <Keep bytes={siteBytes} /> : null}
    </section>
  )
}

/** Offers to keep the whole site for use without the network. */
function Keep({ bytes }: { readonly bytes: number }): JSX.Element {
  const { end } = strings.value.guide
  const now = wholeSite.value
  return (
    <p class="keep">
      <button type="button" disabled={now === "fetching" || now === "kept"} onClick={() => void keepWholeSite()}>
        {end.keep(Math.round(bytes / 1e6))}
      </button>{" "}
      <span role="status">{now === "none" ? end.keepNote : end[now]}</span>
    </p>
  )
}

import "./style/base.css"
import "./style/figures.css"
import "./style/guide.css"
import "./style/rooms.css"
import { render } from "preact"
import { App } from "./app.tsx"

render(<App />, document.body)

// When everything is there, so that keeping it for offline use takes nothing from the first load.
if (import.meta.env.PROD && "serviceWorker" in navigator)
  addEventListener("load", () => {
    setTimeout(() => {
      // Without it the site only needs the network.
      navigator.serviceWorker.register(`${import.meta.env.BASE_URL}service-worker.js`).catch(() => {})
    }, 4000)
  })

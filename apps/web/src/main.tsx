import "./style/base.css"
import "./style/figures.css"
import "./style/guide.css"
import "./style/rooms.css"
import { render } from "preact"
import { App } from "./app.tsx"

render(<App />, document.body)

// The service worker starts after the page has loaded, so that it does not slow the first visit.
if (import.meta.env.PROD && "serviceWorker" in navigator)
  addEventListener("load", () => {
    setTimeout(() => {
      // Without the service worker the site needs the network.
      navigator.serviceWorker.register(`${import.meta.env.BASE_URL}service-worker.js`).catch(() => {})
    }, 4000)
  })

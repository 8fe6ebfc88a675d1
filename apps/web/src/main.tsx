import "./style/base.css"
import "./style/figures.css"
import "./style/guide.css"
import "./style/rooms.css"
import { render } from "preact"
import { App } from "./app.tsx"
import { keepWhatIsUsed } from "./offline.ts"

// In a task of its own: a browser may lay out what is there at the end of this one.
setTimeout(() => render(<App />, document.body))

keepWhatIsUsed()

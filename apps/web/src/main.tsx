import "./style/base.css"
import "./style/figures.css"
import "./style/guide.css"
import "./style/rooms.css"
import { render } from "preact"
import { App } from "./app.tsx"
import { keepWhatIsUsed } from "./offline.ts"

render(<App />, document.body)

keepWhatIsUsed()

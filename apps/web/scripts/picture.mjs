// Draws public/picture.png, which other sites show beside a link, from the built site: node scripts/picture.mjs
import { chromium } from "playwright"
import { preview } from "vite"
import { findChromium } from "../../../tooling/browser/chromium.mjs"

const root = new URL("..", import.meta.url).pathname
const server = await preview({ root, preview: { port: 0 }, logLevel: "error" })
const executablePath = findChromium()
const browser = await chromium.launch({
  ...(executablePath === undefined ? {} : { executablePath }),
  args: ["--no-sandbox", "--disable-features=WebGPU"],
})
const page = await browser.newPage({ viewport: { width: 1000, height: 525 }, deviceScaleFactor: 1.2, locale: "en" })
await page.goto(server.resolvedUrls.local[0])
await page.locator('[data-state="ready"]').waitFor()
const hidden =
  ".top, .rail, .lead, .time, .status, .part, .end { display: none !important } .opening { padding-top: 1.5rem }"
await page.evaluate((rules) => {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(rules)
  document.adoptedStyleSheets = [sheet]
}, hidden)
await page.screenshot({ path: `${root}public/picture.png` })
await browser.close()
await server.close()

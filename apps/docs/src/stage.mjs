// Writes the pages of the site to `site/`: documents with links that fit the site, references, and images.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { siteText } from "./links.mjs"
import { sections } from "./pages.mjs"
import { references } from "./references.mjs"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const site = fileURLToPath(new URL("../site", import.meta.url))

/** The pages by address. Each has a title and a text in Markdown. */
export async function stagedPages() {
  const made = await references()
  const documents = sections.flatMap(({ pages }) => pages)
  const bySource = new Map(documents.flatMap(({ address, source }) => (source === null ? [] : [[source, address]])))
  const pages = new Map()
  const images = new Set()
  for (const { address, source } of documents) {
    if (source === null) continue
    const text = readFileSync(join(root, source), "utf8")
    pages.set(address, siteText(text, { root, source, bySource, images }))
  }
  for (const [address, text] of made) pages.set(address, text)
  pages.set(
    "index",
    siteText(readFileSync(join(root, "docs/index.md"), "utf8"), { root, source: "docs/index.md", bySource, images }),
  )
  return { pages, images }
}

/** The title of a page: its first heading. */
export const titleOf = (text) => /^# (.+)$/m.exec(text)?.[1]?.replaceAll("`", "") ?? ""

// The pages of the API take half of the build, and have no links of their own hands. Tests leave them out.
const withoutApi = process.env.DOCS_API === "0"

async function stage() {
  const { pages, images } = await stagedPages()
  for (const address of pages.keys()) if (withoutApi && /^api\/(?!index)/.test(address)) pages.delete(address)
  rmSync(site, { recursive: true, force: true })
  for (const [address, text] of pages) {
    const file = join(site, `${address}.md`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  for (const image of images) cpSync(join(root, image), join(site, "public", image))
  const titles = Object.fromEntries(Array.from(pages, ([address, text]) => [address, titleOf(text)]))
  writeFileSync(join(site, "titles.json"), JSON.stringify(titles))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await stage()

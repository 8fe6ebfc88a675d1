// Links of documents, as they are on the site.
import { existsSync, statSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

const repository = "https://github.com/vitrine-js/vitrine"
const file = /^https:\/\/github\.com\/vitrine-js\/vitrine\/(?:blob|tree)\/main\//

/** The address of a heading on its page, as on GitHub. */
export const slugify = (heading) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .trim()
    .replaceAll(" ", "-")

/**
 * A document with the links of the site. Links to other documents lead to their pages, links to other files to GitHub.
 * Adds the images that the document shows to `images`.
 * @throws Error for a link that leads nowhere
 */
export function siteText(text, { root, source, bySource, images }) {
  const target = (link, isImage) => {
    const [path = "", anchor] = link.split("#")
    if (path === "" || path.startsWith("/") || (/^[a-z]+:/.test(path) && !file.test(path))) return link
    const within = file.test(path) ? path.replace(file, "") : normalize(join(dirname(source), path))
    const at = within.replace(/\/$/, "")
    if (!existsSync(join(root, at))) throw new Error(`${source}: the link ${link} leads nowhere`)
    if (isImage) {
      images.add(at)
      return `/${at}`
    }
    const page = bySource.get(at) ?? bySource.get(`${at}/README.md`)
    const fragment = anchor === undefined ? "" : `#${anchor}`
    if (page !== undefined) return `/${page}${fragment}`
    const kind = statSync(join(root, at)).isDirectory() ? "tree" : "blob"
    return `${repository}/${kind}/main/${at}${fragment}`
  }
  return eachLink(text, (mark, words, link) => `${mark}[${words}](${target(link, mark === "!")})`)
}

/** Replaces the links of a document. Code is left as it is. */
function eachLink(text, replace) {
  return text
    .split(/(^```[^\n]*\n.*?^```)/ms)
    .map((part, place) =>
      place % 2 === 1
        ? part
        : part.replaceAll(
            /(!?)\[((?:`[^`\n]*`|[^[\]`]|\[[^\]]*\])*)\]\(([^()\s]+)\)|`[^`\n]+`/g,
            (whole, mark, words, link) => (link === undefined ? whole : replace(mark, words, link)),
          ),
    )
    .join("")
}

/** The links within the site of a page that lead nowhere. */
export function deadLinks(pages) {
  const anchors = new Map(Array.from(pages, ([address, text]) => [address, headings(text)]))
  const dead = []
  for (const [address, text] of pages)
    eachLink(text, (mark, _, link) => {
      const [path = "", anchor] = link.split("#")
      if (mark === "!" || (path !== "" && !path.startsWith("/"))) return ""
      const names = anchors.get(path === "" ? address : path.slice(1))
      if (names === undefined || (anchor !== undefined && !names.has(anchor))) dead.push(`${address}: ${link}`)
      return ""
    })
  return dead
}

function headings(text) {
  const names = new Set()
  const plain = text.replaceAll(/^```.*?^```/gms, "")
  for (const [, heading] of plain.matchAll(/^#{1,6} (.+)$/gm))
    names.add(slugify(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "")))
  return names
}

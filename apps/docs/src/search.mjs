// The search of the site: its options, and the same index for its test.
import MiniSearch from "minisearch"
import { titleOf } from "./stage.mjs"

/** Words of questions that say nothing, and endings. VitePress sends functions to the page as text: they stand alone. */
function processTerm(term) {
  const empty =
    "a an and are as at be bug but by can could do does doesn error feature for from get has have how i if in is it library me my need needs no not of on or question request seem seems set should t that the there this to update use used using want was way what when where which will with work working you your"
  const word = term.toLowerCase().replaceAll(/[`'"()[\]{}?!:,;]/g, "")
  if (word === "" || empty.split(" ").includes(word)) return null
  const stem = word.replace(/(ations?|ings?|ed|es|s|e)$/, "").replace(/(.{3,})\.?js$/, "$1")
  return stem.length > 2 ? stem : word
}

export const searchOptions = {
  options: { processTerm },
  searchOptions: {
    fuzzy: 0.2,
    prefix: true,
    boost: { title: 4, titles: 3, text: 1 },
    // Whoever asks a question looks for a page of words. The API is found by the names of its exports.
    boostDocument: (id) =>
      /\/(tutorials|how-to)\//.test(id)
        ? 1.5
        : /\/api\//.test(id)
          ? 0.2
          : /\/(contributing|packages|compared|figures|architecture)/.test(id)
            ? 0.5
            : 1,
  },
}

/** The index of pages, a document for each section, as VitePress makes it. */
export function searchIndex(pages) {
  const index = new MiniSearch({
    fields: ["title", "titles", "text"],
    storeFields: ["title", "titles"],
    ...searchOptions.options,
  })
  for (const [address, text] of pages) {
    const parts = text.split(/^(?=#{1,6} )/m)
    parts.forEach((part, place) => {
      const [, title = ""] = /^#{1,6} (.+)$/m.exec(part) ?? []
      const titles = place === 0 ? [] : [titleOf(text)]
      index.add({ id: `/${address}.html#${place}`, title, titles, text: part.replace(/^#.*$/m, "") })
    })
  }
  return index
}

/** The addresses of the pages that a query finds, best first. */
export function findPages(index, query) {
  const found = index.search(query, searchOptions.searchOptions)
  return [...new Set(found.map(({ id }) => id.replace(/^\/|\.html#.*$/g, "")))]
}

// The search of the site: its options, and the same index for its test.
import MiniSearch from "minisearch"
import { titleOf } from "./stage.mjs"

/**
 * The form in which a word is found: without its ending, and for words of one meaning the same. Words of questions that
 * say nothing have none. VitePress sends functions to the page as text: they stand alone.
 */
function processTerm(term) {
  const empty =
    "a after an and are as at be bug but by call can could do does doesn each error feature for from get has have how i if in is it javascript js library lot me my need needs no normal not of on only or possible question request seem seems set should some support take takes that the there this to update use used using version want was way what when where which will with work working you your"
  const synonyms = [
    ["speed", "slow", "slower", "fast", "faster", "performance", "perf", "lag", "latency", "quick"],
    ["predict", "prediction", "inference", "infer"],
    ["train", "training", "trains", "fit", "fitting", "fine-tune", "finetune"],
    ["figure", "figures", "visualize", "visualise", "visualization", "visualisation", "visualizing", "heatmap", "plot"],
    ["export", "exporting", "convert", "converting", "converter", "conversion"],
    ["float16", "fp16", "f16", "half"],
  ]
  const word = term.toLowerCase().replaceAll(/[`'"()[\]{}?!:,;]/g, "")
  if (word === "" || empty.split(" ").includes(word)) return null
  const [meaning] = synonyms.find((words) => words.includes(word)) ?? []
  if (meaning !== undefined) return meaning
  const stem = word.replace(/(.{3,})js$/, "$1").replace(/(ations?|ings?|ed|es|s|e)$/, "")
  return stem.length > 2 ? stem : word
}

export const searchOptions = {
  options: { processTerm },
  searchOptions: {
    // Short words have too many neighbours: "vit" begins "vite".
    fuzzy: (term) => (term.length > 5 ? 0.2 : false),
    prefix: (term) => term.length > 3,
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

// The search of the site: its options, and the same index for its test.
import MiniSearch from "minisearch"
import { titleOf } from "./stage.mjs"

/**
 * The forms in which a word is found: without its ending, for words of one meaning the same, and for a name such as
 * `loadModel` its parts too. Words of questions that say nothing have none. VitePress sends functions to the page as
 * text: they stand alone.
 */
function processTerm(term) {
  const empty =
    "a about advice after am an and any are as at be bug but by call can cannot could do does doesn each error feature for from get has have help how i if im in is issue it javascript js library looking lot me my need needs no normal not of on only or please plan possible problem promise question request seem seems set should some support take takes that the there this to trouble try trying typeerror unable uncaught update use used using version want was way what when where which why will with work working you your"
  const synonyms = [
    ["speed", "slow", "slower", "fast", "faster", "performance", "perf", "lag", "latency", "quick"],
    ["predict", "prediction", "inference", "infer"],
    ["train", "training", "trains", "fit", "fitting", "fine-tune", "finetune"],
    ["figure", "figures", "visualize", "visualise", "visualization", "visualisation", "visualizing", "heatmap", "plot"],
    ["export", "exporting", "convert", "converting", "converter", "conversion"],
    ["float16", "fp16", "f16", "half"],
    ["differ", "differs", "different", "difference", "differences", "mismatch", "inconsistent"],
    ["custom", "customize", "customise", "own"],
    ["freeze", "freezes", "frozen", "unresponsive", "blocking", "blocked"],
    ["accuracy", "acc", "accuracies"],
    ["url", "urls", "address", "addresses"],
    ["normalize", "normalise", "normalization", "normalisation", "preprocess", "preprocessing"],
    ["stop", "stopping", "stops", "stopped", "interrupt", "abort"],
    ["crash", "crashes", "crashed", "killed", "oom"],
  ]
  const form = (text) => {
    const word = text.toLowerCase().replaceAll(/[`'"()[\]{}?!:,;]/g, "")
    if (word === "" || empty.split(" ").includes(word)) return []
    const [meaning] = synonyms.find((words) => words.includes(word)) ?? []
    if (meaning !== undefined) return [meaning]
    const one = word
      .replace(/(.{3,})js$/, "$1")
      .replace(/(x|ch|sh|ss)es$/, "$1")
      .replace(/([^s])s$/, "$1")
    const stem = one.replace(/(ation|ing|ed|e)$/, "")
    // "vite" is not "vit".
    return [stem.length > 3 ? stem : one]
  }
  const parts = term.match(/[A-Z]?[a-z]{2,}/g) ?? []
  const isName = parts.length > 1 && /^[A-Za-z]+$/.test(term) && parts.join("") === term
  const forms = (isName ? [term, ...parts] : [term]).flatMap(form)
  return forms.length === 0 ? null : forms
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

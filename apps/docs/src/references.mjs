// References that are made from the code: commands from their flags, recipes from the tables of their fields, the API
// from the declarations of the last build.
import { readSurface } from "@vitrine/api"
import { expectation } from "@vitrine/core"
import { mixFields, transformFields } from "@vitrine/data"
import { distillationFields, optimizers, scheduleFields, trainingFields, trainingOptions } from "@vitrine/trainer"
import { commands } from "../../cli/dist/commands.js"
import { flagName } from "../../cli/dist/flags/flag.js"

/** The pages by address. */
export async function references() {
  const surface = readSurface()
  return new Map([
    ["reference/commands", await commandsPage()],
    ["reference/recipes", recipesPage(surface)],
    ["api/index", apiIndex(surface)],
    ...surface.filter(({ name }) => !name.includes("internal")).map((entry) => [apiAddress(entry), apiPage(entry)]),
  ])
}

/** Text for a cell of a table. */
const cell = (text) =>
  text
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll("|", "\\|")
    .replaceAll("<", "&lt;")
    .replaceAll("{{", "{ {")

const table = (head, rows) => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")

async function commandsPage() {
  const parts = []
  for (const [name, { description, load }] of Object.entries(commands)) {
    const { arguments: parameters = [], flags, taskFlags = {}, examples } = await load()
    const words = parameters.map(([syntax]) => ` ${syntax}`).join("")
    const rows = Object.entries({ ...flags, ...taskFlags }).map(([key, flag]) => {
      const value = flag.value === undefined ? "" : ` ${flag.value}`
      const choices = flag.choices === undefined ? "" : `; one of ${flag.choices.join(", ")}`
      const standard = flag.default === undefined ? "" : `; default: ${flag.default}`
      const short = flag.alias === undefined ? "" : `${flag.alias}, `
      return [`\`${short}${flagName(key)}${value.replaceAll("|", "\\|")}\``, cell(`${flag.help}${choices}${standard}`)]
    })
    parts.push(
      `## vitrine ${name}`,
      cell(description),
      `\`\`\`sh\nvitrine ${name}${words} [flags]\n\`\`\``,
      ...parameters.map(([syntax, help]) => `- \`${syntax}\`: ${cell(help)}`),
      rows.length === 0 ? "" : table(["flag", "is"], rows),
      examples.length === 0
        ? ""
        : `\`\`\`sh\n${examples.map(([command, result]) => `${command}${result === "" ? "" : `   # ${result}`}`).join("\n")}\n\`\`\``,
    )
  }
  return `# Commands

Every command and flag, made from the program. \`vitrine COMMAND --help\` prints the same. How they belong together stands in [the command](/reference/command). Exit codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted.

${parts.filter(Boolean).join("\n\n")}
`
}

function recipesPage(surface) {
  const byName = new Map(surface.flatMap(({ exports }) => exports.map((each) => [each.name, each])))
  const meaning = (type, field) =>
    cell(byName.get(type)?.members.find(({ name }) => name === field)?.documentation ?? "")
  const defaults = Object.entries(trainingOptions({ steps: 1 }))
  const standard = (name) => {
    const value = name === "steps" ? undefined : defaults.find(([field]) => field === name)?.[1]
    return value === undefined ? "" : `\`${JSON.stringify(value)}\``
  }
  const fieldRows = (fields) => Object.entries(fields).map(([name, field]) => [`\`${name}\``, cell(expectation(field))])
  const members = (type) =>
    table(
      ["field", "type", "is"],
      (byName.get(type)?.members ?? []).map(({ name, type: text, documentation }) => [
        `\`${name}\``,
        `\`${text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|")}\``,
        cell(documentation),
      ]),
    )
  const training = Object.entries(trainingFields).map(([name, field]) => [
    `\`${name}\``,
    cell(expectation(field)),
    standard(name),
    meaning("TrainingOptions", name) || meaning("GroupOptions", name),
  ])
  const tagged = (tables) =>
    Object.entries(tables)
      .map(([name, fields]) => {
        const rows = fieldRows(fields)
        return `### ${name}\n\n${rows.length === 0 ? "No fields." : table(["field", "must be"], rows)}`
      })
      .join("\n\n")
  return `# Recipes

A recipe is everything about a run but the data: an object in a program, a TypeScript or JavaScript module, or JSON. This page is made from the tables by which recipes are checked. An unknown field is an error that suggests the nearest name. The built-in recipes are listed with [the command](/reference/command#recipes).

## A classifier

${members("Recipe")}

## Fields of all training

A recipe of any task may have these too.

${table(["field", "must be", "default", "is"], training)}

## The model of a classifier

\`model\` is a variant such as \`Ti/16\`, a name of timm's, or these fields of a Vision Transformer. What is left out follows from the variant and the data.

${members("ViTConfig")}

## A detector

${members("DetectionRecipe")}

## A model that reads

${members("ReadingRecipe")}

${members("ReaderFields")}

## Optimizers

\`optimizer\` is an object with a \`name\` and the fields of its row. Default: ${standard("optimizer")}.

${tagged(Object.fromEntries(Object.entries(optimizers).map(([name, { fields }]) => [name, fields])))}

## Schedules

Default: ${standard("schedule")}.

${table(["field", "must be"], fieldRows(scheduleFields))}

## Transforms

\`augment\` is a list of objects with an \`op\` and the fields of its row; the functions of \`vitrine\` make them.

${tagged(transformFields)}

## Mix

${table(["field", "must be"], fieldRows(mixFields))}

## Distillation

${table(["field", "must be"], fieldRows(distillationFields))}
`
}

const apiAddress = ({ name }) => `api/${name.replace("@vitrine/", "").replaceAll("/", "-")}`

function apiIndex(surface) {
  const rows = surface
    .filter(({ name }) => !name.includes("internal"))
    .map((entry) => [`[\`${entry.name}\`](/${apiAddress(entry)})`, `${entry.exports.length}`])
  return `# API

What each entry of each package exports, made from its declarations. [What is where](/reference/where) compares Node and pages.

${table(["entry", "exports"], rows)}
`
}

/** Documentation as Markdown: tags of HTML and braces of Vue are text. */
const prose = (text) =>
  text
    .split(/(`[^`]*`)/)
    .map((part, place) => (place % 2 === 0 ? part.replaceAll("<", "&lt;").replaceAll("{{", "{ {") : part))
    .join("")

function apiPage({ name, exports }) {
  const parts = exports.map((each) => {
    const notes = each.tags
      .filter(({ tag }) => tag === "throws" || tag === "param" || tag === "returns")
      .map(({ tag, text }) => `- *${tag}*: ${prose(text)}`)
    const origin = each.isOwn ? "" : `From [\`${each.owner}\`](/api/${each.owner.replace("@vitrine/", "")}).`
    const text = each.isOwn && each.kind !== "value" ? each.text : each.plain
    const code = each.isOwn ? `\`\`\`ts\n${text.slice(0, 6000)}\n\`\`\`` : ""
    return [`## ${each.name}`, prose(each.documentation), origin, notes.join("\n"), code].filter(Boolean).join("\n\n")
  })
  return `# ${name}

${exports.length} exports.

${parts.join("\n\n")}
`
}

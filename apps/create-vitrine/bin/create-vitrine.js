#!/usr/bin/env node
// Copies a template to a new folder, with this version of Vitrine.
import { cpSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const templates = {
  vite: ["npm install", "npm run dev"],
  next: ["ONNXRUNTIME_NODE_INSTALL=skip npm install", "npm run dev"],
  node: ["ONNXRUNTIME_NODE_INSTALL=skip npm install", "npm start"],
  deno: ["deno task start"],
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { template: { type: "string", short: "t", default: "vite" }, help: { type: "boolean", short: "h" } },
  })
  const [target] = positionals
  const names = Object.keys(templates)
  if (values.help || target === undefined || positionals.length > 1)
    throw new Error(`usage: npm create vitrine FOLDER -- --template ${names.join("|")}`)
  if (!names.includes(values.template)) throw new Error(`no template ${values.template}: there are ${names.join(", ")}`)
  const folder = resolve(target)
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`${target} is not empty: name a new folder`)
  cpSync(fileURLToPath(new URL(`../templates/${values.template}`, import.meta.url)), folder, { recursive: true })
  // npm leaves files of this name out of packages.
  if (existsSync(join(folder, "_gitignore"))) renameSync(join(folder, "_gitignore"), join(folder, ".gitignore"))
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
  const name =
    basename(folder)
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, "-")
      .replace(/^[._-]+/, "") || "app"
  for (const file of ["package.json", "deno.json"]) {
    const path = join(folder, file)
    if (!existsSync(path)) continue
    writeFileSync(path, readFileSync(path, "utf8").replaceAll("NAME", name).replaceAll("VERSION", version))
  }
  console.log(
    `${target} is made. Next:\n\n  cd ${target}\n${templates[values.template].map((line) => `  ${line}`).join("\n")}\n`,
  )
}

try {
  main()
} catch (error) {
  console.error(`create-vitrine: ${error.message}`)
  process.exitCode = 1
}

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, extname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { readJson } from "@vitrine/checkpoint/node"
import * as vitrine from "vitrine"
import { checkRecipe, type RecipeRule, VitrineError } from "vitrine"
import { messageOf } from "../errors.ts"

/**
 * Loads a recipe from a file, or a built-in one by name. A rule, which makes a recipe from facts of the data, is
 * checked when it runs.
 * @throws VitrineError (file) with the file and the fault
 */
export async function loadRecipe(nameOrFile: string): Promise<object | RecipeRule> {
  const file = find(nameOrFile)
  const recipe = extname(file) === ".json" ? await readJson(file) : await runModule(file)
  if (typeof recipe === "function")
    return (data) => {
      const result: unknown = recipe(data)
      if (!isObject(result)) throw new VitrineError("file", `${file}: its function gives no recipe`)
      checkRecipe(result)
      return result
    }
  if (!isObject(recipe))
    throw new VitrineError("file", `${file}: holds no recipe; a module has one as its default export`)
  return recipe
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The folder of the built-in recipes. */
const folder = dirname(fileURLToPath(import.meta.resolve("@vitrine/recipes/package.json")))

const recipeNames = (): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => basename(file, ".ts"))

/** The built-in recipes, with the first line of each header. */
export function builtInRecipes(): { readonly name: string; readonly title: string }[] {
  return recipeNames().map((name) => {
    const [title = ""] = readFileSync(join(folder, `${name}.ts`), "utf8").split("\n", 1)
    return { name, title: title.replace(/^\/\/ /, "") }
  })
}

/** Whether a recipe's name is that of a built-in one. A file of that name is another. */
export const isBuiltIn = (name: string): boolean => recipeNames().includes(name)

function find(nameOrFile: string): string {
  const file = resolve(nameOrFile)
  if (/\.(json|[cm]?[jt]s)$/.test(nameOrFile)) {
    if (existsSync(file)) return file
    throw new VitrineError("file", `${nameOrFile}: no such recipe file`)
  }
  if (isBuiltIn(nameOrFile)) return join(folder, `${nameOrFile}.ts`)
  throw new VitrineError(
    "file",
    `${nameOrFile}: no such recipe: name a .ts, .js or .json file, or one of ${recipeNames().join(", ")}`,
  )
}

/** Runs a module. In it, `import … from "vitrine"` means this library, wherever the file lies. */
async function runModule(file: string): Promise<unknown> {
  const { createJiti } = await import("jiti")
  const jiti = createJiti(import.meta.url, { virtualModules: { vitrine }, fsCache: false, moduleCache: false })
  try {
    return await jiti.import(file, { default: true })
  } catch (error) {
    throw new VitrineError("file", `${file}: cannot be loaded (${messageOf(error)})`, { cause: error })
  }
}

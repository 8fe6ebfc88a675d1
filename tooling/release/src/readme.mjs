import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./packages.mjs"

/** The packages that the first install line of a README names, and its first example. */
export function firstExample(folder) {
  const text = readFileSync(join(root, folder, "README.md"), "utf8")
  const [, line = ""] = /```sh\n(?:\S+=\S+ )?npm install ([^\n]*)\n```/.exec(text) ?? []
  const [, source = ""] = /```ts\n(.*?)```/s.exec(text) ?? []
  return { packages: line.split(" ").filter(Boolean), source }
}

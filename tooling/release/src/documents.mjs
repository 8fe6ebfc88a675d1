import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./packages.mjs"

/**
 * The blocks of code of a document, in order: heading of the section, language, text, and the file that the line before
 * a block names, such as "`src/main.ts`:", or null.
 */
export function blocks(document) {
  const text = readFileSync(join(root, document), "utf8")
  const pattern = /^#+ (?<heading>[^\n]+)$|(?:^`(?<file>[^`\n]+)`[^\n]*:\n\n)?^```(?<language>\w+)\n(?<code>.*?)^```/gms
  let heading = ""
  const found = []
  for (const { groups } of text.matchAll(pattern)) {
    if (groups.heading !== undefined) heading = groups.heading
    else found.push({ heading, language: groups.language, text: groups.code, file: groups.file ?? null })
  }
  return found
}

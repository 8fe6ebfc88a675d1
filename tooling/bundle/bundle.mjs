// Node takes about a millisecond for each module. So its condition of `exports` leads to `dist/bundle`, where each entry is
// a file, and what several entries share is another. Bundlers get the modules, since they drop those that nothing imports.
import { existsSync, readFileSync } from "node:fs"
import { basename, isAbsolute, join } from "node:path"
import { rolldown } from "rolldown"

/** Entries that `exports` does not name: a worker, and the command's process. */
const inner = ["dist/node/worker.js", "dist/process.js"]

/** The files of `dist/bundle`, by name, from the compiled modules of a package's folder. */
export async function bundleOf(folder) {
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const named = Object.values(exports).flatMap((entry) => (entry.node === undefined ? [] : [entry.default]))
  const entries = [...named, ...inner.filter((file) => existsSync(join(folder, file)))]
  const bundle = await rolldown({
    cwd: folder,
    input: Object.fromEntries(entries.map((file) => [basename(file, ".js"), file])),
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    platform: "node",
  })
  const { output } = await bundle.generate({ chunkFileNames: "[name]-[hash].js" })
  await bundle.close()
  return new Map(output.map(({ fileName, code }) => [fileName, code]))
}

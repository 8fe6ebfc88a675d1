// Compiles assembly/resize.ts and writes it down as src/resize/wasm-binary.ts.
import { readFile, writeFile } from "node:fs/promises"
import asc from "assemblyscript/asc"

const root = new URL("..", import.meta.url).pathname
const target = new URL("../src/resize/wasm-binary.ts", import.meta.url)

export async function compile() {
  let binary
  const { error, stderr } = await asc.main(
    [
      "assembly/resize.ts",
      "--outFile",
      "resize.wasm",
      "--runtime",
      "stub",
      "--enable",
      "simd",
      "-O3",
      "--noAssert",
      "--baseDir",
      root,
    ],
    {
      readFile: async (name, base) => readFile(`${base}/${name}`, "utf8").catch(() => null),
      writeFile: (name, contents) => {
        if (name.endsWith(".wasm")) binary = Buffer.from(contents)
      },
      listFiles: () => [],
    },
  )
  if (error) throw new Error(String(stderr))
  return binary.toString("base64")
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const base64 = await compile()
  await writeFile(
    target,
    `/** assembly/resize.ts, compiled by \`pnpm build:wasm\`. */\nexport const wasmBinary: string =\n  "${base64}"\n`,
  )
  console.log(`${target.pathname}: ${Math.round((base64.length * 3) / 4)} bytes of WebAssembly`)
}

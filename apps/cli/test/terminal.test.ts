import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { encodePng } from "@vitrine/interpret/node"
import { expect, test } from "vitest"
import { temporaryFolder, tinyModel, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
/** A name that clears a screen, writes lines of its own, and turns the direction of writing. */
const evil = "\x1b[2J\x1b[31m\r\u009b1m\u202erose\u200f\nFORGED"
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

test("names of files, folders, classes and runs reach no terminal with what drives it", async () => {
  const data = join(folder, `data${evil}`)
  for (const [of, label] of [evil, "tulip"].entries()) {
    mkdirSync(join(data, label), { recursive: true })
    for (let i = 0; i < 5; i++) {
      const pixels = new Uint8Array(8 * 8 * 3).map((_, at) => (at * 31 + i * 7 + of * 120) % 256)
      writeFileSync(join(data, label, `${i}${evil}.png`), encodePng({ width: 8, height: 8, channels: 3, data: pixels }))
    }
  }
  const run = join(folder, `run${evil}`)
  const image = join(data, evil, `0${evil}.png`)
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await vitrine(args)
    expect([args[0], code, stderr.includes("unexpected")]).toEqual([args[0], 0, false])
    expect(`${stdout}${stderr}`).not.toMatch(controls)
    expect(`${stdout}${stderr}`).not.toMatch(/^\s*FORGED/m)
    return stdout
  }
  await said("train", "--data", data, "--out", run, "--image-size", "8", "--steps", "2", ...tinyModel)
  expect(await said("predict", "--model", run, image)).toContain("\\u202erose")
  await said("eval", "--model", run)
  await said("compare", run, "--out", join(folder, `plot${evil}.svg`))
  await said("embed", "--model", run, image, "--out", join(folder, `features${evil}.npy`))
  await said("weights", join(run, "model.safetensors"))
  const out = join(folder, `figures${evil}`)
  expect(await said("inspect", run, image, "--out", out, "--format", "json")).toContain("\\u202erose")
  // Links that lead to their own folder have endless paths.
  for (const name of ["a", "b"]) symlinkSync(".", join(run, name))
  await said("runs", folder)
  await said("export", run, "--to", "timm", "--out", join(folder, `export${evil}`))
  const json = JSON.parse(await said("predict", "--model", run, image, "--json"))
  expect(json.results[0].file).toBe(image)
  expect(json.results[0].top.map(({ label }: { label: string }) => label).sort()).toEqual([evil, "tulip"])
})

import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { expectFault, golden, temporaryFolder, tinyData, tinyModel, vitrineProcess } from "./vitrine.ts"

// Other tests run commands in their own process. What a command does to its process is tested here and where signals are.
const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const image = join(golden, "grey.png")
const run = join(folder, "run")

describe.sequential("a command as a process", () => {
  test.each([
    ["train", [...tinyModel, "--data", data, "--steps", "2", "--out", run], /model\.safetensors/],
    ["eval", ["--model", run], /% right/],
    ["predict", ["--model", golden, image], /n0\d+/],
    ["embed", ["--model", golden, image], /"features":\[/],
    ["probe", ["--model", run, "--methods", "nearest"], /nearest/],
    ["inspect", [golden, "--list-taps"], /blocks\.1/],
    ["export", [golden, "--to", "timm", "--out", join(folder, "timm")], /config\.json/],
    ["weights", [golden], /patch_embed/],
    ["compare", [run], /ViT/],
  ] as const)("%s prints its result and ends with 0", async (command, args, result) => {
    const { code, stdout } = await vitrineProcess([command, ...args])
    expect(stdout).toMatch(result)
    expect(code).toBe(0)
  })

  test("ends with 1 where it fails, and with 2 where its usage is wrong", async () => {
    expectFault(await vitrineProcess(["predict", "--model", "nowhere", image]), /nowhere.*no such file/)
    expectFault(await vitrineProcess(["train", "--lr", "fast"]), /--lr.*'fast'/, 2)
    expect(existsSync("runs")).toBe(false)
  })

  test.skipIf(!existsSync("/dev/full"))("says so where its output or its files are not to be had", () => {
    const bin = fileURLToPath(new URL("../bin/vitrine.js", import.meta.url))
    const inShell = (script: string): string => {
      const { status, stderr } = spawnSync("sh", ["-c", script, process.execPath, bin], { encoding: "utf8" })
      return `${status} ${stderr}`
    }
    expect(inShell('"$0" "$1" --version > /dev/full')).toBe(
      "1 vitrine: standard output: cannot write: no space left on device\n",
    )
    expect(inShell('ulimit -n 40; "$0" "$1" predict --help > /dev/null')).toMatch(
      /^(0 |1 vitrine: this shell lets a process open .*raise it: ulimit -n 1024.*\n$)/,
    )
  })
})

import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { openDataset, resolveData } from "@vitrine/data/node"
import { goldenPath } from "@vitrine/golden"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { golden, temporaryFolder, tinyModel, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const root = goldenPath("parquet/hub")
const commit = "0123456789abcdef0123456789abcdef01234567"
const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".parquet"))

/** A hub of one data set, owner/animals, whose files are read by ranges. */
const hub = createServer(({ url = "", headers }, response) => {
  const path = decodeURIComponent(url.split("?")[0] ?? "")
  const api = "/api/datasets/owner/animals"
  if (path.startsWith(`${api}/revision/`)) return response.end(JSON.stringify({ sha: commit }))
  if (path.startsWith(`${api}/tree/`))
    return response.end(
      JSON.stringify(
        paths.map((path) => {
          const bytes = readFileSync(join(root, path))
          const oid = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex")
          return { type: "file", path, size: bytes.length, oid }
        }),
      ),
    )
  const bytes = readFileSync(join(root, path.replace(`/datasets/owner/animals/resolve/${commit}/`, "")))
  if (headers.range === undefined) return response.end(bytes)
  const [from = 0, to = 0] = (/^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "")?.slice(1) ?? []).map(Number)
  const part = bytes.subarray(from, to + 1)
  return response
    .writeHead(206, { "Content-Range": `bytes ${from}-${from + part.length - 1}/${bytes.length}` })
    .end(part)
})

beforeAll(async () => {
  await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve))
  const address = hub.address()
  vi.stubEnv("HF_ENDPOINT", `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`)
  vi.stubEnv("HF_HUB_OFFLINE", "")
})
afterAll(() => {
  vi.unstubAllEnvs()
  hub.close()
  hub.closeAllConnections()
})

test("a data set of the hub is streamed, and the run knows its commit", async () => {
  const out = join(folder, "animals")
  const train = ["train", "--data", "hf:datasets/owner/animals", "--steps", "2", "--out", out, ...tinyModel]
  const { code, stderr } = await vitrine(train)
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  expect(stderr).toMatch(/18 images to train on, 6 to validate \(validation\), 3 classes/)
  expect(stderr).toContain(`commit ${commit} of the hub`)
  expect(stderr).toMatch(/order: windowed:\d+x\d+, since the images are on a server/)
  const { data, order } = JSON.parse(readFileSync(join(out, "config.json"), "utf8")).vitrine
  expect([data, order]).toEqual([`hf:datasets/owner/animals@${commit}`, expect.stringMatching(/^windowed:\d+x\d+$/)])
  const { stdout } = await vitrine(["eval", "--model", out, "--json"])
  expect(JSON.parse(stdout)).toMatchObject({ split: "val", examples: 6 })
})

test("pull fetches the Parquet files of a data set once, into a folder for train", async () => {
  vi.stubEnv("HF_HUB_CACHE", join(folder, "cache"))
  const pull = ["pull", "hf:datasets/owner/animals", "--json"]
  const { path, model, fetched } = JSON.parse((await vitrine(pull)).stdout)
  expect([model, path]).toEqual([
    `hf:datasets/owner/animals@${commit}`,
    join(folder, "cache/datasets--owner--animals/snapshots", commit),
  ])
  expect(fetched).toBe(paths.reduce((sum, each) => sum + statSync(join(root, each)).size, 0))
  for (const each of paths) expect(readFileSync(join(path, each)).equals(readFileSync(join(root, each)))).toBe(true)
  expect(JSON.parse((await vitrine(pull)).stdout).fetched).toBe(0)
  const { train, val } = await resolveData(path)
  expect([(await openDataset(train)).length, val && (await openDataset(val)).length]).toEqual([18, 6])
})

test("rows of Parquet are predicted and embedded, into Parquet", async () => {
  const rows = goldenPath("parquet/zstd.parquet")
  const out = join(folder, "predictions.parquet")
  expect((await vitrine(["predict", golden, rows, "--top", "2", "--out", out])).code).toBe(0)
  expect(readFileSync(out).subarray(-4).toString()).toBe("PAR1")
  const { stdout } = await vitrine(["embed", golden, rows])
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect([lines.length, lines[3].file, lines[3].features.length]).toEqual([24, `${rows}, row 3`, 48])
  const files = await vitrine(["embed", golden, goldenPath("parquet/folder/cat/3.png")])
  expect(lines[3].features).toEqual(JSON.parse(files.stdout).features)
})

test("a folder is packed into shards, from which the same run is trained", async () => {
  const data = goldenPath("parquet/folder")
  const shards = join(folder, "packed")
  const { code, stderr, stdout } = await vitrine(["data", "pack", data, "--to", "parquet", "--out", shards])
  const described = await vitrine(["data", "pack", data, "--to", "wds", "--out", join(folder, "tars"), "--json"])
  expect(JSON.parse(described.stdout)).toMatchObject({ out: join(folder, "tars"), broken: [] })
  expect(`${code} ${stderr}`).toMatch(/^0 .*21 train, 3 val images in 2 files/s)
  expect(stdout.trim().split("\n")).toHaveLength(2)
  const lossesOf = async (name: string): Promise<unknown[]> => {
    const out = join(folder, `run-${name}`)
    await vitrine(["train", "--data", name === "folder" ? data : shards, "--steps", "2", "--out", out, ...tinyModel])
    const lines = readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n")
    return lines.map((line) => JSON.parse(line)).flatMap(({ type, loss }) => (type === "step" ? [loss] : []))
  }
  expect(await lossesOf("packed")).toEqual(await lossesOf("folder"))
  const predicted = async (path: string): Promise<string[]> => {
    const { stdout } = await vitrine(["predict", golden, path, "--json"])
    const { results } = JSON.parse(stdout)
    return results.map(({ top }: { top: { probability: number }[] }) => top[0]?.probability.toFixed(6)).sort()
  }
  const images = await predicted(data)
  for (const packed of [shards, join(folder, "tars")]) expect(await predicted(packed), packed).toEqual(images)
  expect((await vitrine(["data", "unpack", data])).stderr).toMatch(/data unpack: the only action is pack/)
})

import { createServer } from "node:http"
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest"
import { isDatasetName, parseDatasetName } from "../src/index.ts"
import { hubDataset } from "../src/node.ts"

const [main, parquet] = ["1".repeat(40), "2".repeat(40)]
const file = (path: string, size = 100): object => ({ type: "file", path, size, oid: "a".repeat(40) })
/** The files of each commit of the repository, and what was asked for with which token. */
let trees: Record<string, object[]> = {}
let seen: (readonly [path: string, token: string | undefined])[] = []

const server = createServer(({ url = "", headers }, response) => {
  const path = decodeURIComponent(url.split("?")[0] ?? "")
  seen.push([path, headers.authorization])
  const [, revision = ""] = /\/revision\/(.*)$/.exec(path) ?? []
  const commit = { main, "refs/convert/parquet": parquet, [main]: main }[revision]
  const tree = trees[path.split("/").at(-1) ?? ""]
  if (!path.startsWith("/api/datasets/owner/birds/") || (commit === undefined && tree === undefined))
    return response.writeHead(404, revision ? { "X-Error-Code": "RevisionNotFound" } : {}).end()
  return response.end(JSON.stringify(tree ?? { sha: commit }))
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  vi.stubEnv("HF_ENDPOINT", `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`)
  vi.stubEnv("HF_TOKEN", "secret")
  vi.stubEnv("HF_HUB_OFFLINE", "")
})
afterAll(() => {
  vi.unstubAllEnvs()
  server.close()
  server.closeAllConnections()
})
beforeEach(() => {
  seen = []
})

test.each([
  ["hf:datasets/owner/birds", "main", null],
  ["hf:datasets/owner/birds@v1.0", "v1.0", null],
  ["hf:datasets/owner/birds@refs/convert/parquet/small", "refs/convert/parquet", "small"],
  ["hf:datasets/owner/birds/small", "main", "small"],
])("%s", (text, revision, configuration) => {
  expect(parseDatasetName(text)).toEqual({ repo: "datasets/owner/birds", revision, configuration })
  expect(isDatasetName(text)).toBe(true)
})

test.each(["hf:datasets/birds", "hf:datasets/owner/../x", "hf:datasets/owner/birds@", "hf:datasets/a/b/c/d", "hf:a/b"])(
  "%s is no name of a data set",
  (text) => expect(() => parseDatasetName(text)).toThrow("is no name of a data set on the hub; expected hf:datasets/"),
)

test("a data set of Parquet has its files at a commit, in order, with the token for the hub", async () => {
  trees = {
    [main]: [file("data/train-00001-of-00002.parquet"), file("README.md"), file("data/train-00000-of-00002.parquet")],
  }
  const { name, files } = await hubDataset("hf:datasets/owner/birds")
  expect(name).toBe(`hf:datasets/owner/birds@${main}`)
  expect(files.map(({ name }) => name)).toEqual([
    "data/train-00000-of-00002.parquet",
    "data/train-00001-of-00002.parquet",
  ])
  expect(files[0]?.url).toBe(
    `${process.env.HF_ENDPOINT}/datasets/owner/birds/resolve/${main}/data/train-00000-of-00002.parquet`,
  )
  expect(files[0]).toMatchObject({ bytes: 100, authorization: "Bearer secret" })
  expect(seen.every(([, token]) => token === "Bearer secret")).toBe(true)
})

test("one that is not Parquet is read as the hub converts it, with one of its configurations", async () => {
  trees = {
    [main]: [file("images.zip")],
    [parquet]: [file("default/train/0000.parquet"), file("small/train/0000.parquet")],
  }
  const { name, files } = await hubDataset("hf:datasets/owner/birds/small")
  expect([name, files.map((each) => each.name)]).toEqual([
    `hf:datasets/owner/birds@${parquet}/small`,
    ["train/0000.parquet"],
  ])
  trees = { [main]: [file("images.zip")], [parquet]: [] }
  await expect(hubDataset("hf:datasets/owner/birds")).rejects.toThrow(
    "hf:datasets/owner/birds: has no Parquet files at main, and the hub has converted none: download it, and give its folder",
  )
  await expect(hubDataset("hf:datasets/owner/fish")).rejects.toThrow(/has no revision|has no such data set/)
})

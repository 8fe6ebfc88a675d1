import { expect, test } from "vitest"
import { expectedHashes, pipelineHashes } from "./pipeline.ts"

test("drawings and batches have the same bytes everywhere", async () => {
  expect(await pipelineHashes()).toEqual(expectedHashes)
})

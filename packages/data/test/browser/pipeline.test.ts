import { expect, test } from "vitest"
import { expectedHashes, pipelineHashes } from "../pipeline.ts"

test("drawings and batches have Node's bytes", async () => {
  expect(await pipelineHashes()).toEqual(expectedHashes)
})

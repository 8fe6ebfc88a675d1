import { expect, test } from "vitest"
import { createLoader, epochLanes, laneCounts, type LoaderOptions, pixels } from "../src/index.ts"

const length = 70
/** Images of one pixel, whose value is their number. */
const dataset = pixels({
  name: "numbers",
  classes: ["any"],
  height: 1,
  width: 1,
  channels: 1,
  pixels: Uint8Array.from({ length }, (_, i) => i),
  labels: new Int32Array(length),
})
const order = { rows: 4, blocks: 2 }
const base: LoaderOptions = { batchSize: 5, seed: 7, shuffle: true, order, lanes: 3, epochs: 2 }

/** The examples of each batch, by "epoch index". */
async function batches(options: Partial<LoaderOptions> = {}): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>()
  for await (const { epoch, index, images } of await createLoader({ dataset, ...base, ...options }))
    found.set(
      `${epoch} ${index}`,
      Array.from(images, (x) => Math.round(x * 255)),
    )
  return found
}

test("the batches of some lanes are those of all, whoever makes them", async () => {
  const all = await batches()
  const shared = [await batches({ ownLanes: { from: 0, to: 1 } }), await batches({ ownLanes: { from: 1, to: 3 } })]
  expect(shared.map(({ size }) => size)).toEqual([8, 16])
  expect(new Map(shared.flatMap((part) => [...part]))).toEqual(new Map([...all].toSorted(byLane)))
  const resumed = await batches({ start: { epoch: 1, batch: 6 } })
  expect([...resumed]).toEqual([...all].slice(12 + 6))
})

const laneOf = (key: string): number => Number(key.split(" ")[1]) % 3
const byLane = ([a]: [string, unknown], [b]: [string, unknown]): number => Number(laneOf(a) > 0) - Number(laneOf(b) > 0)

test("a lane has blocks of its own, and the rows that an epoch leaves out are counted", async () => {
  const { batches: each, leftOut } = laneCounts(length, order, 3, 5)
  expect([each, leftOut]).toEqual([4, 10])
  const all = await batches()
  const missing = [0, 1].map((epoch) => {
    const ofEpoch = [...all].filter(([key]) => key.startsWith(`${epoch} `))
    const rows = ofEpoch.flatMap(([, examples]) => examples)
    const stated = epochLanes(7, epoch, length, order, 3, 5)
    expect([...stated.leftOut]).toEqual(Array.from({ length }, (_, i) => i).filter((i) => !rows.includes(i)))
    for (const [key, examples] of ofEpoch) {
      const at = Math.floor(Number(key.split(" ")[1]) / 3) * 5
      expect([...(stated.lanes[laneOf(key)]?.subarray(at, at + 5) ?? [])]).toEqual(examples)
    }
    expect([ofEpoch.length, new Set(rows).size]).toEqual([3 * each, length - leftOut])
    const lanes = [0, 1, 2].map(
      (lane) => new Set(ofEpoch.filter(([key]) => laneOf(key) === lane).flatMap(([, e]) => e.map((i) => i >> 2))),
    )
    expect(new Set(lanes.flatMap((blocks) => [...blocks])).size).toBe(lanes.reduce((sum, { size }) => sum + size, 0))
    return stated.leftOut.join()
  })
  expect(missing[0]).not.toBe(missing[1])
})

test("one lane is the order without lanes, and in exact order lanes change nothing but the end", async () => {
  expect(await batches({ lanes: 1 })).toEqual(await batches({ lanes: undefined }))
  const exact = await batches({ order: "exact", lanes: undefined })
  const inLanes = await batches({ order: "exact", lanes: 4 })
  const examples = [...inLanes].filter(([key]) => Number(key.split(" ")[1]) < 14)
  expect(examples).toEqual([...exact])
  // The last step has a batch of each lane too, of padding alone.
  expect([...inLanes.keys()].filter((key) => key.startsWith("0 "))).toEqual(
    Array.from({ length: 16 }, (_, i) => `0 ${i}`),
  )
  const dropped = await batches({ order: "exact", lanes: 4, dropLast: true })
  expect([...dropped]).toEqual([...exact].filter(([key]) => Number(key.split(" ")[1]) < 12))
})

test("lanes that the data do not fill are refused", async () => {
  await expect(batches({ lanes: 40 })).rejects.toThrow(
    "70 rows in 18 blocks of 4 are too few for 40 lanes of batches of 5",
  )
  await expect(batches({ lanes: 0 })).rejects.toThrow("lanes must be a positive integer, got 0")
  await expect(batches({ ownLanes: { from: 2, to: 4 } })).rejects.toThrow("ownLanes must be some of 3, got 2 … 3")
})

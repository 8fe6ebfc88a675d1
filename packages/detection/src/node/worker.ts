import { workerData } from "node:worker_threads"
import { serveBatches } from "@vitrine/data/internal/node"
import { type DetectionBatch, detectionBatchMaker } from "../data/batch.ts"
import type { DetectionWorkerInput } from "./loader.ts"
import { openCached } from "./open.ts"

const { source, plan, cache }: DetectionWorkerInput = workerData
const maker = openCached(source, cache).then((dataset) => detectionBatchMaker(dataset, plan))
serveBatches<DetectionBatch>(maker, ({ images, mask, weights }) => [images, mask, weights])

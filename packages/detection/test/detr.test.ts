import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import {
  type Backend,
  gradients,
  graph,
  type HostData,
  ops,
  type Parameter,
  rootScope,
  type Tensor,
  type TensorType,
} from "@vitrine/core"
import { apart, type Golden, golden, tensor } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  type DetrConfig,
  detectionLossDefaults,
  detectionLosses,
  detr,
  detrConfig,
  detrParameters,
  featureGrid,
  featurePadding,
  matchedTargets,
  type Target,
  targetInputs,
} from "../src/index.ts"

const sum = (each: { data: HostData } | undefined): number => Array.from(each?.data ?? []).reduce((a, b) => a + b, 0)

const target = ({ labels, boxes }: { labels: number[]; boxes: number[] }): Target => ({
  labels: Int32Array.from(labels),
  boxes: Float32Array.from(boxes),
})

const named = ({ tensors }: Golden, prefix: string): string[] =>
  Object.keys(tensors).filter((each) => each.startsWith(prefix))

interface Prepared {
  readonly config: DetrConfig
  readonly parameters: readonly Parameter[]
  readonly states: ReadonlyMap<string, Tensor>
  readonly param: (parameter: Parameter) => Tensor
  readonly slots: Readonly<Record<string, TensorType>>
  readonly values: Readonly<Record<string, HostData>>
}

function prepare(file: Golden): Prepared {
  const config = detrConfig(file.json.config)
  const parameters = detrParameters(config)
  expect(parameters.map(({ name }) => `param.${name}`).toSorted()).toEqual(named(file, "param.").toSorted())
  const states = new Map(parameters.map(({ name, shape }) => [name, ops.state(name, shape)]))
  return {
    config,
    parameters,
    states,
    param: ({ name }) => states.get(name) as Tensor,
    slots: Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" as const }])),
    values: Object.fromEntries(parameters.map(({ name }) => [name, tensor(file, `param.${name}`).data])),
  }
}

const backends = [
  { name: "reference", start: referenceBackend, tolerance: 1e-9 },
  { name: "ONNX", start: () => onnxBackend({ worker: false }), tolerance: 1e-5 },
]

describe.each(backends)("facebookresearch's DETR on $name", ({ name: backendName, start, tolerance }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await start()
  })
  afterAll(() => backend.close())

  it.each(["post", "pre", "dilated"])("detr-%s", async (name) => {
    const file = golden(`detr-${name}`)
    const { config, states, param, slots, values } = prepare(file)
    const [batch, height, width] = tensor(file, "images").shape as [number, number, number]
    const grid = featureGrid(config, [height, width])
    const padding = featurePadding(tensor(file, "mask").data, [height, width], grid, config.dim)
    // float32 in the original, too
    expect(apart(padding.positions, tensor(file, "positions"))).toBeLessThan(1e-6)

    const taps: Record<string, Tensor> = {}
    const onTap = (tap: string, t: Tensor): void => void (taps[`tap.${tap}`] = t)
    const wanted = named(file, "tap.")
    const places = grid[0] * grid[1]
    const detected = detr(
      rootScope({ param, taps: wanted.map((each) => each.slice(4)), onTap }),
      ops.input("images", ["batch", height, width, 3]),
      config,
      {
        visible: ops.input("visible", ["batch", places]),
        positions: ops.input("positions", ["batch", places, config.dim]),
      },
    )
    expect(Object.keys(taps).toSorted()).toEqual(wanted.toSorted())
    const { logits, boxes } = detected
    const losses = detectionLosses(detected, targetInputs(config), detectionLossDefaults)
    const learning = named(file, "grad.").map((each) => each.slice(5))
    const grads = gradients(
      [ops.sum(losses.total)],
      learning.map((each) => states.get(each) as Tensor),
    )
    const gradsNamed = Object.fromEntries(learning.map((each, i) => [`grad.${each}`, grads[i] as Tensor]))

    const state = await backend.createState(slots, values)
    const forward = await backend.compile(graph({ outputs: { logits, boxes, ...taps } }), { batch })
    const whole = await backend.compile(graph({ outputs: { ...losses, ...gradsNamed } }), { batch })
    // The positions as the original has them, so that float64 is compared with float64.
    const inputs = {
      images: tensor(file, "images").data,
      visible: padding.visible,
      positions: backendName === "ONNX" ? padding.positions : tensor(file, "positions").data,
    }
    const found = await forward.run(inputs, state)
    for (const [each, { data, shape }] of Object.entries(found)) {
      expect(shape, each).toEqual(tensor(file, each).shape)
      expect(apart(data, tensor(file, each)), each).toBeLessThan(tolerance)
    }
    const told = matchedTargets(
      found["logits"]?.data ?? [],
      found["boxes"]?.data ?? [],
      file.json.targets.map(target),
      config,
      detectionLossDefaults,
    )
    const targets = Object.fromEntries(Object.entries(told).map(([each, data]) => [`targets.${each}`, data]))
    const { total, classes, boxes: distances, overlaps, ...made } = await whole.run({ ...inputs, ...targets }, state)
    // What queries are told stands in float32.
    const lossTolerance = Math.max(tolerance, 1e-6)
    expect(Math.abs(sum(total) / file.json.loss - 1)).toBeLessThan(lossTolerance)
    const { loss_ce, loss_bbox, loss_giou } = file.json.losses
    expect(sum(classes)).toBeCloseTo(loss_ce, 5)
    expect(sum(distances)).toBeCloseTo(loss_bbox, 5)
    expect(sum(overlaps)).toBeCloseTo(loss_giou, 5)
    for (const [each, { data }] of Object.entries(made))
      expect(apart(data, tensor(file, each)), each).toBeLessThan(backendName === "ONNX" ? 1e-5 : 1e-6)
    await forward.dispose()
    await whole.dispose()
    await state.dispose()
  })

  it("losses of boxes that are met exactly, touch, or are none, and their gradients", async () => {
    const file = golden("detr-losses")
    const { config, cases } = file.json
    const shape = tensor(file, "logits").shape as number[]
    const [batch] = shape as [number]
    const logits = ops.input("logits", ["batch", ...shape.slice(1)])
    const boxes = ops.input("boxes", ["batch", ...shape.slice(1, 3), 4])
    const { total } = detectionLosses({ logits, boxes }, targetInputs(config), detectionLossDefaults)
    const [dlogits, dboxes] = gradients([total], [logits, boxes]) as [Tensor, Tensor]
    const program = await backend.compile(graph({ outputs: { total, dlogits, dboxes } }), { batch })
    const inputs = { logits: tensor(file, "logits").data, boxes: tensor(file, "boxes").data }
    for (const each of ["some", "none"]) {
      const { targets, loss } = cases[each]
      const told = matchedTargets(inputs.logits, inputs.boxes, targets.map(target), config, detectionLossDefaults)
      const given = Object.fromEntries(Object.entries(told).map(([key, data]) => [`targets.${key}`, data]))
      const made = await program.run({ ...inputs, ...given })
      const found = sum(made["total"])
      expect(Math.abs(found / loss - 1), each).toBeLessThan(1e-6)
      expect(apart(made["dlogits"]?.data as HostData, tensor(file, `${each}.grad.logits`)), each).toBeLessThan(1e-6)
      expect(apart(made["dboxes"]?.data as HostData, tensor(file, `${each}.grad.boxes`)), each).toBeLessThan(2e-6)
    }
    await program.dispose()
  })
})

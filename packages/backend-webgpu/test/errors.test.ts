import { type Backend, graph, type HostData, ops, type Program, type State, VitrineError } from "@vitrine/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { webgpuBackend } from "../src/node.ts"
import { Gpu } from "../src/run/gpu.ts"
import { hasSwiftShader, noSwiftShader, swiftShaderDevice } from "./swiftshader.ts"

const { add, input, linear, mul, relu, state, sub, sum } = ops

const slots = { w: { shape: [3, 4], dtype: "float32" }, m: { shape: [3, 4], dtype: "float32" } } as const

const momentum = add(mul(state("m", [3, 4]), 0.9), sub(state("w", [3, 4]), input("x", [3, 4])))

/** A step of descent with momentum, towards what the batch says. */
const step = graph({
  outputs: { loss: sum(ops.square(sub(state("w", [3, 4]), input("x", [3, 4])))) },
  updates: { m: momentum, w: sub(state("w", [3, 4]), mul(momentum, input("rate", []))) },
})

const inputsOf = (t: number): Record<string, Float32Array> => ({
  x: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i + t)),
  rate: Float32Array.of(0.1 / t),
})

const first = Float32Array.from({ length: 12 }, (_, i) => i / 7 - 1)

async function caught(work: Promise<unknown>): Promise<VitrineError> {
  const error: unknown = await work.then(
    () => new Error("nothing was thrown"),
    (reason: unknown) => reason,
  )
  if (!VitrineError.isInstance(error)) throw error
  expect(error.message).not.toContain("\n")
  return error
}

describe.skipIf(!hasSwiftShader)(`a device that is lost${hasSwiftShader ? "" : ` (${noSwiftShader})`}`, () => {
  interface Session {
    readonly device: GPUDevice
    readonly backend: Backend
    readonly program: Program
    readonly state: State
  }
  const open = async (w: HostData, m: HostData): Promise<Session> => {
    const device = await swiftShaderDevice()
    const backend = await webgpuBackend({ device })
    const program = await backend.compile(step)
    return { device, backend, program, state: await backend.createState(slots, { w, m }) }
  }

  it("says so, in everything that is asked of it", async () => {
    const { device, backend, program, state } = await open(first, new Float32Array(12))
    await program.run(inputsOf(1), state)
    const running = caught(program.run(inputsOf(2), state))
    device.destroy()
    await running.catch(() => {})
    for (const work of [
      program.run(inputsOf(3), state),
      state.read("w"),
      state.write("w", first),
      backend.compile(graph({ outputs: { y: relu(input("x", [2])) } })),
      backend.createState(slots),
    ]) {
      const { kind, message } = await caught(work)
      expect(kind).toBe("device")
      expect(message).toContain("go on from the last checkpoint")
    }
  })

  it("20 times in the middle of training loses only the steps since the last checkpoint", {
    timeout: 180_000,
  }, async () => {
    const steps = 80
    const every = 3
    const follow = async (lose: (t: number) => boolean): Promise<{ w: number[]; losses: number }> => {
      let checkpoint: { step: number; w: HostData; m: HostData } = { step: 0, w: first, m: new Float32Array(12) }
      let session = await open(checkpoint.w, checkpoint.m)
      let losses = 0
      let t = 1
      const lost = new Set<number>()
      while (t <= steps) {
        const run = session.program.run(inputsOf(t), session.state)
        if (lose(t) && !lost.has(t)) {
          lost.add(t)
          session.device.destroy()
        }
        try {
          await run
          if (t % every === 0) {
            const [w, m] = await Promise.all([session.state.read("w"), session.state.read("m")])
            checkpoint = { step: t, w, m }
          }
          t++
        } catch (error) {
          if (!(VitrineError.isInstance(error) && error.kind === "device")) throw error
          losses++
          t = checkpoint.step + 1
          session = await open(checkpoint.w, checkpoint.m)
        }
      }
      const w = Array.from(await session.state.read("w"))
      session.device.destroy()
      return { w, losses }
    }
    const whole = await follow(() => false)
    const torn = await follow((t) => t % 4 === 0)
    expect(torn.losses).toBe(20)
    expect(torn.w).toEqual(whole.w)
  })
})

describe("what does not fit is told before it is tried", () => {
  let backend: Backend
  // The null adapter binds at most 128 MB.
  beforeAll(async () => {
    backend = await webgpuBackend({ software: true, dawn: ["backend=null"] })
  })
  afterAll(() => backend.close())

  it("values, with the batch size to lower", async () => {
    const x = input("x", ["batch", 1024])
    const g = graph({ outputs: { y: sum(mul(linear(x, state("w", [4096, 1024])), 2)) } })
    const { kind, message } = await caught(backend.compile(g, { batch: 10240 }))
    expect(kind).toBe("backend")
    expect(message).toMatch(
      /^webgpu: a value of \[10240, .*\] takes 160 MB, and this device binds at most 128 MB: lower the batch size, and accumulate in training$/,
    )
    await (await backend.compile(g, { batch: 512 })).dispose()
  })

  it("slots, by name", async () => {
    const { message } = await caught(backend.createState({ table: { shape: [65536, 1024], dtype: "float32" } }))
    expect(message).toBe(
      'webgpu: state "table" takes 256 MB, and this device\'s largest buffer is 128 MB: take a smaller model',
    )
  })

  it("a backend that was closed, a state of another one", async () => {
    const [one, two] = await Promise.all([
      webgpuBackend({ software: true, dawn: ["backend=null"] }),
      webgpuBackend({ software: true, dawn: ["backend=null"] }),
    ])
    const program = await one.compile(step)
    expect((await caught(program.run(inputsOf(1), await two.createState(slots)))).message).toContain("another device")
    await one.close()
    expect((await caught(one.compile(step))).message).toBe("webgpu: the backend has been closed")
    await two.close()
  })
})

describe("errors of the device", () => {
  const open = async (): Promise<Gpu> => {
    const { nodeDevice } = await import("../src/node.ts")
    return new Gpu(await nodeDevice({ software: true, dawn: ["backend=null"] }))
  }

  it("name the kernel whose text is refused", async () => {
    const gpu = await open()
    const { message } = await caught(gpu.pipeline("matMul [2,3] × [3,4]", "fn main() { nonsense }", "rw"))
    expect(message).toMatch(/^webgpu: the kernel matMul \[2,3\] × \[3,4\] was refused: .*nonsense/)
    gpu.check()
    gpu.close(true)
  })

  it("that nobody waits for are thrown by whatever comes next", async () => {
    const gpu = await open()
    gpu.device.createBuffer({ label: "stray", size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE })
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(() => gpu.check()).toThrow(/stray/)
    await expect(gpu.pipeline("any", "", "")).rejects.toThrow(/stray/)
    gpu.close(true)
  })
})

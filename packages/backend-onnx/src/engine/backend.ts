import {
  type Backend,
  type CompileOptions,
  type Graph,
  type HostData,
  type HostTensor,
  type Program,
  type State,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import type { Engine } from "./engine.ts"
import { OnnxProgram } from "./program.ts"
import { HostState } from "./state.ts"

export interface EngineBackendOptions {
  /** Whether values given to `createState` belong to the state from then on, as in a worker to which they were sent. */
  readonly adoptsData?: boolean
}

/** A backend on an ONNX Runtime in this thread, which `run` blocks. */
export function engineBackend(engine: Engine, { adoptsData = false }: EngineBackendOptions = {}): Backend {
  const programs = new Set<OnnxProgram>()
  let closed = false
  let last: Promise<unknown> = Promise.resolve()
  /** One thing at a time: programs share buffers. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work)
    last = mine.catch(() => {})
    return mine
  }
  const open = (): void => {
    if (closed) throw new VitrineError("backend", "the backend has been closed")
  }
  return {
    name: engine.name,
    device: engine.device,

    async compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
      open()
      const program = await inTurn(() => OnnxProgram.load(engine, graph, options))
      programs.add(program)
      return {
        run: async (inputs: Readonly<Record<string, HostData>>, state?: State): Promise<Record<string, HostTensor>> => {
          if (state !== undefined && !(state instanceof HostState))
            throw new VitrineError("backend", `the state was made by another backend than this ${engine.name}`)
          return inTurn(() => program.run(inputs, state))
        },
        dispose: () =>
          inTurn(async () => {
            if (programs.delete(program)) await program.release()
          }),
      }
    },

    async createState(slots: Readonly<Record<string, TensorType>>, data?: Readonly<Record<string, HostData>>) {
      open()
      return new HostState(slots, data, adoptsData)
    },

    close: () =>
      inTurn(async () => {
        closed = true
        for (const program of programs) await program.release()
        programs.clear()
      }),
  }
}

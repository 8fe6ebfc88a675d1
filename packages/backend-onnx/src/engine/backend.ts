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
  /**
   * Whether a state uses the arrays given to `createState` as its memory. A worker can do that with arrays that were
   * sent to it.
   */
  readonly adoptsData?: boolean
}

/** A backend on an ONNX Runtime in this thread. Runs block the thread. */
export function engineBackend(engine: Engine, { adoptsData = false }: EngineBackendOptions = {}): Backend {
  const programs = new Set<OnnxProgram>()
  let closed = false
  let last: Promise<unknown> = Promise.resolve()
  /** Runs tasks one after another, since programs share buffers. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work, work)
    last = result.catch(() => {})
    return result
  }
  const checkOpen = (): void => {
    if (closed) throw new VitrineError("backend", "the backend has been closed")
  }
  return {
    name: engine.name,
    device: engine.device,

    async compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
      checkOpen()
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
      checkOpen()
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

import { type Backend, type Program, type State, VitrineError } from "@vitrine/core"
import { buffersOf, type CallName, type Calls, type Reply, type Request } from "./protocol.ts"

type Send = (reply: Reply, transfer: ArrayBuffer[]) => void

/** Answers requests with a backend. The first request opens it. */
export function serve(open: (options: unknown) => Promise<Backend>, send: Send): (request: Request) => Promise<void> {
  let backend: Backend | undefined
  let count = 0
  const programs = new Map<number, Program>()
  const states = new Map<number, State>()
  const numbered = <T>(map: Map<number, T>, value: T): number => {
    map.set(++count, value)
    return count
  }
  const live = <T>(map: Map<number, T>, id: number, kind: string): T => {
    const value = map.get(id)
    if (value === undefined) throw new VitrineError("backend", `the ${kind} has been disposed of`)
    return value
  }
  const opened = (): Backend => {
    if (backend === undefined) throw new VitrineError("backend", "the backend is not open")
    return backend
  }
  const calls: { [K in CallName]: (...values: Parameters<Calls[K]>) => Promise<ReturnType<Calls[K]>> } = {
    open: async (options) => {
      backend = await open(options)
      return { name: backend.name, device: backend.device }
    },
    compile: async (graph, options) => numbered(programs, await opened().compile(graph, options)),
    run: (program, inputs, state) =>
      live(programs, program, "program").run(inputs, state === undefined ? undefined : live(states, state, "state")),
    disposeProgram: async (id) => {
      const program = programs.get(id)
      programs.delete(id)
      await program?.dispose()
    },
    createState: async (slots, data) => numbered(states, await opened().createState(slots, data)),
    readState: (state, name) => live(states, state, "state").read(name),
    writeState: (state, name, data) => live(states, state, "state").write(name, data),
    disposeState: async (id) => {
      const state = states.get(id)
      states.delete(id)
      await state?.dispose()
    },
    close: async () => {
      await backend?.close()
      programs.clear()
      states.clear()
    },
  }
  return async ({ id, call, values }) => {
    try {
      const result = await (calls[call] as (...values: unknown[]) => Promise<unknown>)(...values)
      send({ id, result }, transferable(call, result))
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      send({ id, fault: { kind: VitrineError.isInstance(error) ? error.kind : undefined, message, stack } }, [])
    }
  }
}

function transferable(call: CallName, result: unknown): ArrayBuffer[] {
  if (call === "readState") return buffersOf([result as Awaited<ReturnType<Calls["readState"]>>])
  if (call === "run") return buffersOf(Object.values(result as ReturnType<Calls["run"]>).map(({ data }) => data))
  return []
}

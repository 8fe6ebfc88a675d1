import {
  type Backend,
  type CompileOptions,
  type ErrorKind,
  type Graph,
  type HostData,
  type HostTensor,
  type Program,
  type State,
  type TensorType,
  VitrineError,
} from "@vitrine/core"

// A backend in a worker, for tests: every call is a message, and what it makes stays there under a number.

interface Call {
  readonly id: number
  readonly on: number
  readonly method: string
  readonly args: readonly unknown[]
}

type Answer = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly kind: ErrorKind | undefined; readonly message: string }
)

/** In the worker: answers the calls of `remoteBackend`. */
export function serve(make: () => Promise<Backend>): void {
  const held: object[] = []
  const opened = make()
  /** What can be sent: numbers for what has methods. */
  const sent = (result: unknown): unknown => {
    if (typeof result !== "object" || result === null || !("dispose" in result)) return result
    return held.push(result)
  }
  const call = async ({ on, method, args }: Call): Promise<unknown> => {
    const backend = await opened
    if (method === "describe") return { name: backend.name, device: backend.device }
    const target = on === 0 ? backend : (held[on - 1] as object)
    const given = method === "run" ? [args[0], args[1] === undefined ? undefined : held[(args[1] as number) - 1]] : args
    return sent(await (target as Record<string, (...all: unknown[]) => Promise<unknown>>)[method]?.(...given))
  }
  globalThis.addEventListener("message", (event: MessageEvent<Call>) => {
    const { id } = event.data
    const answer = (message: Answer): void => globalThis.postMessage(message)
    void call(event.data).then(
      (result) => answer({ id, result }),
      (error: Error) =>
        answer({ id, kind: VitrineError.isInstance(error) ? error.kind : undefined, message: error.message }),
    )
  })
}

/** In the page: the backend that the worker serves. */
export async function remoteBackend(worker: Worker): Promise<Backend> {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let last = 0
  worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
    const { resolve, reject } = waiting.get(data.id) as NonNullable<ReturnType<(typeof waiting)["get"]>>
    waiting.delete(data.id)
    if ("result" in data) resolve(data.result)
    else reject(data.kind === undefined ? new Error(data.message) : new VitrineError(data.kind, data.message))
  })
  const call = <T>(on: number, method: string, ...args: readonly unknown[]): Promise<T> =>
    new Promise((resolve, reject) => {
      last++
      waiting.set(last, { resolve: resolve as (result: unknown) => void, reject })
      worker.postMessage({ id: last, on, method, args } satisfies Call)
    })
  const numbers = new WeakMap<State, number>()
  const described = await call<{ name: string; device: string }>(0, "describe")
  return {
    ...described,
    compile: async (g: Graph, options: CompileOptions = {}): Promise<Program> => {
      const on = await call<number>(0, "compile", g, options)
      return {
        run: (inputs: Readonly<Record<string, HostData>>, state?: State): Promise<Record<string, HostTensor>> =>
          call(on, "run", inputs, state && numbers.get(state)),
        dispose: () => call(on, "dispose"),
      }
    },
    createState: async (slots: Readonly<Record<string, TensorType>>, data?: Readonly<Record<string, HostData>>) => {
      const on = await call<number>(0, "createState", slots, data)
      const state: State = {
        slots,
        read: (name) => call(on, "read", name),
        write: (name, values) => call(on, "write", name, values),
        dispose: () => call(on, "dispose"),
      }
      numbers.set(state, on)
      return state
    },
    close: async () => {
      await call(0, "close")
      worker.terminate()
    },
  }
}

import { type Backend, type HostData, type Program, type State, VitrineError } from "@vitrine/core"
import { buffersOf, type CallName, type Calls, type Reply, type Request } from "./protocol.ts"

/** The connection to another thread. */
export interface Channel {
  send(request: Request, transfer: ArrayBuffer[]): void
  onReply(listener: (reply: Reply) => void): void
  /** Calls the listener when the thread ends by itself. */
  onEnd(listener: (reason: string) => void): void
  /** Tells the channel whether replies are pending. The process must not end before they arrive. */
  busy(pending: boolean): void
  end(): Promise<void>
}

/**
 * A backend in another thread.
 * @throws the error with which the thread failed to open it.
 */
export async function remoteBackend(channel: Channel, options: unknown): Promise<Backend> {
  const pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  let count = 0
  let ended: string | undefined
  channel.onReply((reply) => {
    const waiting = pending.get(reply.id)
    pending.delete(reply.id)
    channel.busy(pending.size > 0)
    if ("result" in reply) waiting?.resolve(reply.result as never)
    else waiting?.reject(revived(reply.fault))
  })
  channel.onEnd((reason) => {
    ended ??= reason
    for (const { reject } of pending.values()) reject(new VitrineError("backend", reason))
    pending.clear()
  })
  const ask = <K extends CallName>(
    call: K,
    values: Parameters<Calls[K]>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Awaited<ReturnType<Calls[K]>>> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) throw new VitrineError("backend", ended)
      const id = ++count
      pending.set(id, { resolve: resolve, reject })
      channel.busy(true)
      channel.send({ id, call, values }, transfer)
    })

  const states = new WeakMap<State, number>()
  const { name, device } = await ask("open", [options]).catch(async (error: unknown) => {
    await channel.end()
    throw error
  })
  return {
    name,
    device,
    compile: async (graph, compileOptions = {}): Promise<Program> => {
      const program = await ask("compile", [graph, compileOptions])
      return {
        run: async (inputs, state) => {
          const id = state === undefined ? undefined : states.get(state)
          if (state !== undefined && id === undefined)
            throw new VitrineError("backend", `the state was made by another backend than this ${name}`)
          const copies = Object.fromEntries(Object.entries(inputs).map(([key, data]) => [key, data.slice()]))
          return ask("run", [program, copies, id], buffersOf(Object.values(copies)))
        },
        dispose: () => ask("disposeProgram", [program]),
      }
    },
    createState: async (slots, data = {}): Promise<State> => {
      const id = await ask("createState", [slots, compact(data)])
      const state: State = {
        slots,
        read: (slot) => ask("readState", [id, slot]),
        write: (slot, values) => {
          const copy = values.slice()
          return ask("writeState", [id, slot, copy], buffersOf([copy]))
        },
        dispose: () => ask("disposeState", [id]),
      }
      states.set(state, id)
      return state
    },
    close: async () => {
      if (ended !== undefined) return
      await ask("close", [])
      ended = "the backend has been closed"
      await channel.end()
    },
  }
}

/** Copies data whose buffers hold other data too, since whole buffers would be sent. */
function compact(data: Readonly<Record<string, HostData>>): Record<string, HostData> {
  return Object.fromEntries(
    Object.entries(data).map(([key, values]) => [
      key,
      values.byteLength === values.buffer.byteLength ? values : values.slice(),
    ]),
  )
}

function revived({
  kind,
  message,
  stack,
}: {
  kind: VitrineError["kind"] | undefined
  message: string
  stack: string | undefined
}): Error {
  if (kind !== undefined) return new VitrineError(kind, message)
  const error = new Error(message)
  if (stack !== undefined) error.stack = stack
  return error
}

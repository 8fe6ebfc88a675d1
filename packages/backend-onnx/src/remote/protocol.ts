import type { CompileOptions, ErrorKind, Graph, HostData, HostTensor, TensorType } from "@vitrine/core"

/** The calls to a backend in another thread, as functions of plain data. Numbers stand for programs and states. */
export interface Calls {
  open(options: unknown): { readonly name: string; readonly device: string }
  compile(graph: Graph, options: CompileOptions): number
  run(
    program: number,
    inputs: Readonly<Record<string, HostData>>,
    state: number | undefined,
  ): Readonly<Record<string, HostTensor>>
  disposeProgram(program: number): void
  createState(slots: Readonly<Record<string, TensorType>>, data: Readonly<Record<string, HostData>>): number
  readState(state: number, name: string): HostData
  writeState(state: number, name: string, data: HostData): void
  disposeState(state: number): void
  close(): void
}

export type CallName = keyof Calls

export interface Request<K extends CallName = CallName> {
  readonly id: number
  readonly call: K
  readonly values: Parameters<Calls[K]>
}

export interface Fault {
  /** The kind of a VitrineError; undefined for other errors. */
  readonly kind: ErrorKind | undefined
  readonly message: string
  readonly stack: string | undefined
}

export type Reply = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly fault: Fault }

/** The memory of values, which a message can transfer. */
export function buffersOf(values: Iterable<HostData>): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const { buffer } of values) if (buffer instanceof ArrayBuffer) buffers.add(buffer)
  return [...buffers]
}

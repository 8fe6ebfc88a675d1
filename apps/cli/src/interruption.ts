import { currentIo } from "./output.ts"

/** Turns the first Ctrl-C (or SIGTERM) into an AbortSignal. The second one ends the process at once. */
export interface Interruption {
  readonly signal: AbortSignal
  stop(): void
  close(): void
}

export function interruption(onStop: () => void): Interruption {
  const { exit } = currentIo()
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) exit(130)
    controller.abort()
    onStop()
  }
  const signals = ["SIGINT", "SIGTERM"] as const
  for (const name of signals) process.on(name, stop)
  return {
    signal: controller.signal,
    stop: () => controller.abort(),
    close() {
      for (const name of signals) process.off(name, stop)
    },
  }
}

import { currentIo } from "./output.ts"

/**
 * Makes the first SIGINT (Ctrl-C), SIGTERM, SIGHUP or SIGUSR1 (Slurm's warning before its limit) into an AbortSignal. A
 * second SIGINT ends the process at once. Others do not, since schedulers and closing terminals repeat them.
 */
export interface Interruption {
  readonly signal: AbortSignal
  stop(): void
  close(): void
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"] as const

/** @param onSecond what a second SIGINT does; by default it ends the process */
export function interruption(onStop: () => void, onSecond?: () => void): Interruption {
  const { exit } = currentIo()
  const controller = new AbortController()
  let interrupts = 0
  const stop = (name: NodeJS.Signals): void => {
    if (name === "SIGINT" && ++interrupts > 1) (onSecond ?? (() => exit(130)))()
    if (controller.signal.aborted) return
    controller.abort()
    onStop()
  }
  for (const name of signals) process.on(name, stop)
  return {
    signal: controller.signal,
    stop: () => controller.abort(),
    close() {
      for (const name of signals) process.off(name, stop)
    },
  }
}

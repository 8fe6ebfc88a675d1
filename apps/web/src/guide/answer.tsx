import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { messageOf } from "../engine/client.ts"
import { strings } from "../strings/index.ts"

interface Failure {
  readonly failed: string
}

/** The engine's answer to `ask`, which is called again for each new `key`. It is null while the engine computes. */
export function useAnswer<T>(ask: () => Promise<T>, key: unknown): T | null | Failure {
  const latest = useSignal<{ readonly key: unknown; readonly answer: T | Failure } | null>(null)
  useEffect(() => {
    let current = true
    const settle = async (): Promise<void> => {
      const answer = await ask().catch((error: unknown) => ({ failed: messageOf(error) }))
      if (current) latest.value = { key, answer }
    }
    void settle()
    return () => {
      current = false
    }
  }, [key])
  return latest.value?.key === key ? (latest.value?.answer ?? null) : null
}

export const failed = (answer: unknown): answer is Failure =>
  typeof answer === "object" && answer !== null && "failed" in answer

export function Waiting({ answer }: { readonly answer: unknown }): JSX.Element {
  return failed(answer) ? <p role="alert">{strings.value.status.failed(answer.failed)}</p> : <div class="waiting" />
}

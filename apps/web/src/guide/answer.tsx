import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { messageOf } from "../engine/client.ts"
import { strings } from "../strings/index.ts"

/** What the engine gives when it is asked for `key`; null until then. */
export function useAnswer<T>(ask: () => Promise<T>, key: unknown): T | null | { readonly failed: string } {
  const answer = useSignal<{ readonly key: unknown; readonly found: T | { readonly failed: string } } | null>(null)
  useEffect(() => {
    let current = true
    const settle = async (): Promise<void> => {
      const found = await ask().catch((error: unknown) => ({ failed: messageOf(error) }))
      if (current) answer.value = { key, found }
    }
    void settle()
    return () => {
      current = false
    }
  }, [key])
  const held = answer.value
  return held !== null && held.key === key ? held.found : null
}

export const failed = (answer: unknown): answer is { readonly failed: string } =>
  typeof answer === "object" && answer !== null && "failed" in answer

export function Waiting({ answer }: { readonly answer: unknown }): JSX.Element {
  return failed(answer) ? <p role="alert">{strings.value.status.failed(answer.failed)}</p> : <div class="waiting" />
}

import { expect, test } from "vitest"
import { VitrineError } from "../src/index.ts"

test("a message is one line without what a terminal acts on, whatever a file is called", () => {
  const { message } = new VitrineError("file", "a\u001b[31m\nb\u009b\u202ec\u007f: is broken")
  expect(message).toBe("a\\u001b[31m\\u000ab\\u009b\\u202ec\\u007f: is broken")
})

test("a message that repeats a long name keeps its beginning and its end", () => {
  const { message } = new VitrineError("file", `x.json: ${"n".repeat(5000)} is not a field: remove it`)
  expect(message).toHaveLength(2000)
  expect(message).toMatch(/^x\.json: n+ … n+ is not a field: remove it$/)
})

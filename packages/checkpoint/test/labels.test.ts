import { expect, test } from "vitest"
import { classNames } from "../src/labels.ts"

const labels = (names: unknown, classes: number): readonly string[] | null =>
  classNames("id2label", names, classes, "config.json").labels

test("names of classes may be numbers", () => {
  expect(labels({ 0: 0, 1: 7 }, 2)).toEqual(["0", "7"])
  expect(labels([1.5, "b"], 2)).toEqual(["1.5", "b"])
  expect(labels({ 1: "b" }, 3)).toEqual(["0", "b", "2"])
})

test("names of another number of classes are left out, with a note", () => {
  expect(classNames("label_names", ["a"], 3, "f")).toEqual({
    labels: null,
    notes: ["label_names names 1 classes, but the model has 3: they are called by their numbers"],
  })
  expect(classNames("id2label", { 0: "a", 3: "d" }, 2, "f").labels).toBeNull()
  expect(() => classNames("id2label", { x: "a" }, 2, "f")).toThrow(/^f: id2label has "x", which is no class$/)
})

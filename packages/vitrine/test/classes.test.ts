import { describe, expect, test } from "vitest"
import { matchClasses } from "../src/tasks/classify/classes.ts"

const data = (...classes: string[]): { name: string; classes: string[] } => ({ name: "data", classes })

describe("classes of data are found among a model's", () => {
  test("by name, in any order, and some of them", () => {
    const labels = ["cat", "dog", "emu"]
    expect(matchClasses(data("cat", "dog", "emu"), labels, 3).modelClasses).toEqual([0, 1, 2])
    expect(matchClasses(data("emu", "cat"), labels, 3)).toEqual({ modelClasses: [2, 0], match: "name", labels })
    expect(matchClasses(data("8", "7"), ["7", "8"], 2)).toMatchObject({ modelClasses: [1, 0], match: "name" })
  })

  test.each([
    ["the model names none", null, ["cat", "dog"], ["cat", "dog"]],
    ["the model numbers them", ["LABEL_0", "LABEL_1"], ["cat", "dog"], ["cat", "dog"]],
    ["the data number them", ["cat", "dog"], ["0", "1"], ["cat", "dog"]],
    ["the data have WordNet's numbers", ["tench, Tinca tinca", "goldfish"], ["n01440764", "n01443537"], undefined],
  ])("by position where %s", (_, labels, classes, expected) => {
    const actual = matchClasses(data(...classes), labels, 2)
    expect(actual).toEqual({ modelClasses: [0, 1], match: "position", labels: expected ?? labels })
  })

  test("by number where the model names none: folder 7 is output 7, whatever the order of strings", () => {
    expect(matchClasses(data("0", "1", "10", "2"), null, 12)).toMatchObject({
      modelClasses: [0, 1, 10, 2],
      match: "name",
    })
    expect(() => matchClasses(data("1", "2", "3"), null, 3)).toThrow(
      /numbers up to 3, but the model's classes are 0 to 2/,
    )
    expect(matchClasses(data("1", "2", "3"), null, 3, true).modelClasses).toEqual([0, 1, 2])
  })

  test("by position where it is asked for", () => {
    const actual = matchClasses(data("dog", "cat"), ["cat", "dog"], 2, true)
    expect(actual).toEqual({ modelClasses: [0, 1], match: "position", labels: ["cat", "dog"] })
  })

  test.each([
    [["cat", "dog"], ["rose", "tulip"], false, /none is called "rose", but "cat", …; .*--by-position/],
    [["cat", "dog"], ["dog", "emu"], false, /none is called "emu"/],
    [["0", "1"], ["1", "2"], false, /none is called "2"/],
    [["cat", "dog"], ["cat", "dog", "emu"], false, /has 3 classes, the model 2, and none is called "emu"/],
    [null, ["cat", "dog", "emu"], false, /has 3 classes, the model 2, which it does not name/],
    [["cat", "dog"], ["cat"], true, /has 1 classes, the model 2/],
  ])("not %j and %j", (labels, classes, byPosition, message) => {
    expect(() => matchClasses(data(...classes), labels, 2, byPosition)).toThrow(message)
  })
})

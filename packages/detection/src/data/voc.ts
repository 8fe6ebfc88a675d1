import { parseXml, XmlElement } from "@rgrove/parse-xml"
import { VitrineError } from "@vitrine/core"
import { deepest } from "@vitrine/data/internal"
import { isSize } from "./annotations.ts"

/** The content of a Pascal VOC annotation file. It describes one image. */
export interface VocImage {
  /** The text of `filename`, if there is one. */
  readonly file: string | undefined
  readonly width: number
  readonly height: number
  readonly objects: readonly VocObject[]
}

interface VocObject {
  readonly name: string
  /** xmin, ymin, xmax, ymax. A text that is no number becomes NaN. */
  readonly box: readonly number[]
  readonly difficult: boolean
}

/**
 * Reads an annotation in the XML of Pascal VOC, which LabelImg also writes. It skips document types, so that no file
 * can define entities. It does not check boxes.
 * @param name the name of the file in errors
 * @param fault gets a line for each object without a name, which is left out
 * @throws VitrineError (file) if the text is not Pascal VOC's XML, or has no size of the image
 */
export function parseVoc(text: string, name: string, fault: (line: string) => void): VocImage {
  const fail = (message: string): never => {
    throw new VitrineError("file", `${name}: ${message}`)
  }
  const root = parseRoot(text, fail)
  if (root === null || root.name !== "annotation")
    return fail(`is not a Pascal VOC annotation: its root is <${root?.name}>, not <annotation>`)
  const size = child(root, "size")
  const [width, height] = ["width", "height"].map((side) => numberOf(size && child(size, side)))
  if (!isSize(width) || !isSize(height)) return fail("does not say the width and height of its image in <size>")
  const objects = children(root, "object").flatMap((object, i): VocObject[] => {
    const label = textOf(child(object, "name"))
    if (label === undefined) {
      fault(`${name}, object ${i}: has no name; left out`)
      return []
    }
    const bounds = child(object, "bndbox")
    const box = ["xmin", "ymin", "xmax", "ymax"].map((edge) => numberOf(bounds && child(bounds, edge)))
    return [{ name: label, box, difficult: textOf(child(object, "difficult")) === "1" }]
  })
  return { file: textOf(child(root, "filename")), width, height, objects }
}

function parseRoot(text: string, fail: (message: string) => never): XmlElement | null {
  if (isDeepXml(text)) return fail(`is not XML of at most ${deepest} levels`)
  try {
    return parseXml(text).root
  } catch (error) {
    return fail(`is not XML (${error instanceof Error ? error.message.split("\n")[0] : ""})`)
  }
}

/** Whether XML is nested too deep. It counts tags, before the recursive parser runs. */
function isDeepXml(text: string): boolean {
  let depth = 0
  for (const [, slash, closed] of text.matchAll(/<(\/?)[^<>!?/][^<>]*?(\/?)>/g)) {
    if (slash) depth--
    else if (!closed && ++depth > deepest) return true
  }
  return false
}

const children = (element: XmlElement, name: string): XmlElement[] =>
  element.children.filter((node): node is XmlElement => node instanceof XmlElement && node.name === name)
const child = (element: XmlElement, name: string): XmlElement | undefined => children(element, name)[0]

function textOf(element: XmlElement | undefined): string | undefined {
  const text = element?.text.trim()
  return text === "" ? undefined : text
}

const numberOf = (element: XmlElement | undefined): number => Number(textOf(element) ?? Number.NaN)

import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import sharp from "sharp"
import { onTestFinished } from "vitest"

/** A folder with these files, by relative path, for one test; `image` stands for a grey PNG of 40×30. */
export async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "vitrine-detection-"))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const grey = await sharp({ create: { width: 40, height: 30, channels: 3, background: "#808080" } })
    .png()
    .toBuffer()
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text === "image" ? grey : text)
  }
  return root
}

/** A .tar.gz of a folder, inside of another one. */
export function packed(root: string): string {
  const path = `${root}.tar.gz`
  onTestFinished(() => rmSync(path, { force: true }))
  execFileSync("tar", ["czf", path, "-C", dirname(root), root.slice(dirname(root).length + 1)])
  return path
}

/** Pascal VOC's XML for an image of 40×30. */
export function voc(objects: readonly (readonly [name: string, ...box: (number | string)[]])[], extra = ""): string {
  const list = objects.map(
    ([name, x0, y0, x1, y1]) =>
      `<object><name>${name}</name>${extra}<bndbox><xmin>${x0}</xmin><ymin>${y0}</ymin><xmax>${x1}</xmax><ymax>${y1}</ymax></bndbox></object>`,
  )
  return `<annotation><filename>elsewhere.png</filename><size><width>40</width><height>30</height><depth>3</depth></size>${list.join("")}</annotation>`
}

/** COCO's JSON: images of 40×30 by file name, and annotations [id, image, category, bbox]. */
export function coco(
  images: readonly string[],
  annotations: readonly (readonly [unknown, unknown, unknown, unknown, Record<string, unknown>?])[],
  rest: Record<string, unknown> = {},
): string {
  return JSON.stringify({
    images: images.map((file_name, id) => ({ id, file_name, width: 40, height: 30 })),
    annotations: annotations.map(([id, image_id, category_id, bbox, more]) => ({
      id,
      image_id,
      category_id,
      bbox,
      ...more,
    })),
    categories: [
      { id: 7, name: "dog" },
      { id: 3, name: "cat" },
    ],
    ...rest,
  })
}

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { scenes } from "@vitrine/detection"
import sharp from "sharp"

/** Writes eight scenes of 32×32 pixels with Pascal VOC's annotations. One box has no area. */
export async function writeScenes(folder: string): Promise<void> {
  const drawn = scenes({ split: "train", size: 8, imageSize: [32, 32] })
  mkdirSync(folder)
  for (let i = 0; i < drawn.length; i++) {
    const { data: pixels, ...raw } = await drawn.read(i)
    await sharp(pixels, { raw })
      .png()
      .toFile(join(folder, `${i}.png`))
    const { boxes, labels } = drawn.objects(i)
    const objects = Array.from(labels, (label, n) => {
      const [x0, y0, x1, y1] = boxes.subarray(4 * n, 4 * n + 4)
      const box = `<xmin>${x0}</xmin><ymin>${y0}</ymin><xmax>${i === 0 && n === 0 ? x0 : x1}</xmax><ymax>${y1}</ymax>`
      return `<object><name>${drawn.classes[label]}</name><bndbox>${box}</bndbox></object>`
    })
    const size = "<size><width>32</width><height>32</height></size>"
    writeFileSync(join(folder, `${i}.xml`), `<annotation>${size}${objects.join("")}</annotation>`)
  }
}

const texts = ["0", "1", "01", "10", "12", "2"]

/** For each character a square as bright as it says. */
export function linePicture(text: string): [Uint8Array, { raw: { width: number; height: number; channels: 1 } }] {
  const width = 8 * text.length
  const pixels = Uint8Array.from({ length: 8 * width }, (_, i) => 40 + 80 * Number(text[Math.floor((i % width) / 8)]))
  return [pixels, { raw: { width, height: 8, channels: 1 } }]
}

/** Writes thirty lines of one or two characters, and their labels. */
export async function writeLines(folder: string): Promise<void> {
  mkdirSync(folder)
  const labels = Array.from({ length: 30 }, (_, i) => ({ file: `${i}.png`, text: texts[i % texts.length] as string }))
  for (const { file, text } of labels) await sharp(...linePicture(text)).toFile(join(folder, file))
  writeFileSync(join(folder, "labels.tsv"), labels.map(({ file, text }) => `${file}\t${text}\n`).join(""))
}

import { zipSync } from "fflate"
import type { Page } from "playwright"

/** 24 small pictures of two classes, drawn by the page: `box/1.png`, `line/0.png`. */
async function drawThings(page: Page): Promise<Record<string, Uint8Array>> {
  const pictures = await page.evaluate(() =>
    Array.from({ length: 24 }, (_, i) => {
      const canvas = document.createElement("canvas")
      canvas.width = canvas.height = 40
      const context = canvas.getContext("2d")
      if (context !== null) {
        context.fillStyle = `hsl(${i * 40} 40% 80%)`
        context.fillRect(0, 0, 40, 40)
        context.fillStyle = "#222"
        if (i % 2) context.fillRect(10, 10, 20, 20)
        else context.fillRect(2, 18, 36, 4)
      }
      return canvas.toDataURL("image/png").split(",")[1] ?? ""
    }),
  )
  return Object.fromEntries(
    pictures.map((data, i) => [`${i % 2 ? "box" : "line"}/${i}.png`, Buffer.from(data, "base64")]),
  )
}

/** Chooses a zip of those pictures to train on, at the paths that `place` gives them, and of other files. */
export async function chooseZip(
  page: Page,
  name: string,
  place: (path: string) => string,
  others: Readonly<Record<string, Uint8Array>> = {},
): Promise<void> {
  const files = Object.entries(await drawThings(page)).map(([path, bytes]) => [place(path), bytes] as const)
  const buffer = Buffer.from(zipSync({ ...Object.fromEntries(files), ...others }))
  await page.getByLabel("Folder or zip").check()
  await page
    .locator('.setup input[accept=".zip,.parquet"]')
    .first()
    .setInputFiles({ name, mimeType: "application/zip", buffer })
}

/** Chooses those pictures to train on. */
export async function chooseThings(page: Page): Promise<void> {
  await chooseZip(page, "things.zip", (path) => `things/${path}`)
  await page.getByText("things: 22 pictures to learn from, 2 to test on, 2 classes.").waitFor()
}

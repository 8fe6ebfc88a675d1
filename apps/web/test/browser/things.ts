import { zipSync } from "fflate"
import type { Page } from "playwright"

/** A zip of 24 small pictures of two classes, drawn by the page. */
export async function thingsZip(page: Page): Promise<{ name: string; mimeType: string; buffer: Buffer }> {
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
      return canvas.toDataURL("image/png").split(",")[1] as string
    }),
  )
  const entries = pictures.map((data, i) => [`things/${i % 2 ? "box" : "line"}/${i}.png`, Buffer.from(data, "base64")])
  return { name: "things.zip", mimeType: "application/zip", buffer: Buffer.from(zipSync(Object.fromEntries(entries))) }
}

/** Chooses them as the pictures to train on. */
export async function chooseThings(page: Page): Promise<void> {
  await page.getByLabel("Folder or zip").check()
  await page
    .locator('.setup input[accept=".zip"]')
    .first()
    .setInputFiles(await thingsZip(page))
  await page.getByText("things: 22 pictures to learn from, 2 to test on, 2 classes.").waitFor()
}

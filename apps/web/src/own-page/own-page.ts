/** The texts of a page of one's own, and the name of its model's folder. */
export interface OwnPage {
  readonly language: string
  readonly title: string
  readonly classes: readonly string[]
  readonly hint: string
  readonly choose: string
  readonly camera: string
  readonly noCamera: string
  readonly opening: string
  readonly save: string
  readonly node: string
  readonly folder: string
  readonly made: string
}

const style = `:root{color-scheme:light dark}body{max-width:40rem;margin:0 auto;padding:1rem;font:1rem/1.5 system-ui,sans-serif}
h1{line-height:1.2}#drop{padding:1rem;border:2px dashed #888;border-radius:8px}button{min-height:2.4rem;padding:0 .9rem;font:inherit}
#shown canvas,#shown video{display:block;max-width:100%;max-height:20rem;margin:1rem 0;border-radius:6px}table{width:100%}th{text-align:left;font-weight:400;overflow-wrap:anywhere}td:nth-child(2){width:55%}
.best th,.best td{font-weight:700}td:last-child{text-align:right;white-space:nowrap}meter{width:100%}code{overflow-wrap:anywhere}`

/**
 * A page with a model in it. It opens from a disk, without a request: its policy allows its own script and style by
 * their hashes, and nothing else.
 * @param script the script of such pages
 */
export async function ownPage(page: OwnPage, script: string, config: Uint8Array, weights: Uint8Array): Promise<string> {
  const policy = [
    "default-src 'none'",
    `script-src '${await hashOf(script)}'`,
    `style-src '${await hashOf(style)}'`,
    "img-src blob: data:",
    "media-src blob: mediastream:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ")
  const data = (id: string, content: string): string => `<script type="text/plain" id="${id}">${content}</script>`
  const folder = escaped(page.folder)
  const json = JSON.stringify(page).replaceAll("<", "\\u003c")
  return `<!doctype html>
<html lang="${escaped(page.language)}">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(page.title)}</title>
<style>${style}</style>
<h1>${escaped(page.title)}</h1>
<p>${escaped(page.classes.join(" · "))}</p>
<div id="drop"><p>${escaped(page.hint)}</p>
<label>${escaped(page.choose)} <input id="chooser" type="file" accept="image/*"></label>
<p><button id="camera" type="button">${escaped(page.camera)}</button></p></div>
<p id="status" role="status">${escaped(page.opening)}</p>
<div id="shown"></div>
<table><tbody id="guesses" aria-live="polite"></tbody></table>
<hr>
<p><button id="save" type="button">${escaped(page.save)}</button> ${escaped(page.node)}<br>
<code>unzip ${folder}.zip &amp;&amp; ONNXRUNTIME_NODE_INSTALL=skip npx @vitrine/cli predict --model ${folder} photo.jpg</code></p>
<p><small>${escaped(page.made)}</small></p>
${data("page", json)}
${data("config", base64(config))}
${data("weights", base64(weights))}
<script>${script}</script>
`
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

async function hashOf(text: string): Promise<string> {
  return `sha256-${base64(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))))}`
}

/** The number of bytes that are converted at once. It is a multiple of 3. */
const piece = 3 * 8192

function base64(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += piece) text += btoa(String.fromCharCode(...bytes.subarray(at, at + piece)))
  return text
}

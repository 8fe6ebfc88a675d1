"use client"
import { useState } from "react"

export default function Page() {
  const [text, setText] = useState("")
  const say = (guesses) =>
    setText(guesses.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(0)} %`).join(", "))
  const onServer = async (file) => say(await (await fetch("/classify", { method: "POST", body: file })).json())
  const inBrowser = async (file) => {
    const { load } = await import("vitrine/web")
    const model = await load("/model/", { wasmPaths: "/ort/" })
    say(await model.predict(file, { top: 3 }))
    await model.close()
  }
  const ask = (work) => (event) => {
    const [file] = event.target.files
    if (file) work(file).catch((error) => setText(error.message))
  }
  return (
    <main>
      <h1>What is it?</h1>
      <p>
        <label>
          On the server <input type="file" accept="image/*" onChange={ask(onServer)} />
        </label>
      </p>
      <p>
        <label>
          In the browser <input type="file" accept="image/*" onChange={ask(inBrowser)} />
        </label>
      </p>
      <p role="status">{text}</p>
    </main>
  )
}

import { load } from "vitrine"

let model

export async function POST(request) {
  model ??= load("public/model")
  const bytes = new Uint8Array(await request.arrayBuffer())
  return Response.json(await (await model).predict(bytes, { top: 3 }))
}

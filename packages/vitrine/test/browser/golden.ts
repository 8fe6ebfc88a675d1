/// <reference types="vite/client" />
import { readSafetensors } from "@vitrine/checkpoint"
import resolutions from "../../../../tooling/golden/files/resolution.safetensors?url"

/** The folder that timm published, by file. */
const urls = import.meta.glob<string>("../../../../tooling/golden/files/vit-folder-tiny/*", {
  query: "?url",
  import: "default",
  eager: true,
})

const addresses = new Map(Object.entries(urls).map(([path, url]) => [path.split("/").at(-1) as string, url]))

export const addressOf = (file: string): string => addresses.get(file) as string

export async function fileOf(name: string): Promise<File> {
  return new File([await (await fetch(addressOf(name))).blob()], name)
}

export interface Expected {
  readonly results: readonly {
    readonly file: string
    readonly logits: readonly number[]
    readonly top: readonly { readonly index: number; readonly label: string; readonly probability: number }[]
  }[]
}

export const expected = JSON.parse(await (await fileOf("expected.json")).text()) as Expected

/** timm's logits for the same images, in the order of `expected`, at another size. */
export async function logitsAt(name: string): Promise<number[]> {
  const bytes = new Uint8Array(await (await fetch(resolutions)).arrayBuffer())
  return Array.from(readSafetensors(bytes, resolutions).tensors.get(`${name}.logits`)?.data ?? [], Number)
}

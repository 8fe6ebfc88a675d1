import { readFileSync } from "node:fs"
import { defineConfig } from "vitepress"
import { slugify } from "../src/links.mjs"
import { sections } from "../src/pages.mjs"
import { searchOptions } from "../src/search.mjs"

const titles = JSON.parse(readFileSync(new URL("../site/titles.json", import.meta.url), "utf8"))
const api = Object.keys(titles).filter((address) => address.startsWith("api/") && address !== "api/index")
const item = (address) => ({ text: titles[address], link: `/${address.replace(/index$/, "")}` })

export default defineConfig({
  title: "Vitrine",
  description: "Vision Transformers in TypeScript: train, fine-tune, look inside and use them.",
  lang: "en",
  head: [["link", { rel: "icon", href: "data:," }]],
  base: process.env.DOCS_BASE ?? "/",
  srcDir: "site",
  outDir: "dist",
  cacheDir: ".vitepress/cache",
  cleanUrls: false,
  ignoreDeadLinks: process.env.DOCS_API === "0" ? [/^\/api\//] : false,
  markdown: { anchor: { slugify }, theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" } },
  themeConfig: {
    nav: [
      { text: "Start", link: "/start/what-it-is" },
      { text: "Tutorials", link: "/tutorials/own-photos" },
      { text: "Reference", link: "/reference/commands" },
    ],
    sidebar: sections.map(({ title, pages }, place) => ({
      text: title,
      collapsed: place > 3,
      items: [...pages.map(({ address }) => item(address)), ...(title === "API" ? api.map(item) : [])],
    })),
    outline: [2, 3],
    search: { provider: "local", options: { miniSearch: searchOptions } },
    socialLinks: [{ icon: "github", link: "https://github.com/vitrine-js/vitrine" }],
  },
})

// The pages of the site in the order of its sidebar: an address, and the document of the repository that it shows.
// References without a document are made by `references.mjs`.

const page = (address, source) => ({ address, source })
const packages = [
  "vitrine",
  "core",
  "data",
  "trainer",
  "checkpoint",
  "hub",
  "detection",
  "seq2seq",
  "interpret",
  "resnet",
  "archive",
  "backend-onnx",
  "backend-webgpu",
  "backend-tfjs",
  "backend-node-gpu",
  "backend-reference",
]

const folder = (name, pages) => pages.map((each) => page(`${name}/${each}`, `docs/${name}/${each}.md`))

export const sections = [
  { title: "Start", pages: folder("start", ["what-it-is", "two-minutes", "node", "page"]) },
  {
    title: "Tutorials",
    pages: folder("tutorials", [
      "own-photos",
      "vite-app",
      "backbone",
      "detector",
      "reading",
      "other-libraries",
      "looking-inside",
    ]),
  },
  {
    title: "How to",
    pages: [
      page("how-to/data", "docs/data.md"),
      page("how-to/transfer", "docs/transfer.md"),
      page("how-to/detection", "docs/detection.md"),
      page("how-to/few-images", "docs/few-images.md"),
      ...folder("how-to", [
        "model-size",
        "many-classes",
        "not-learning",
        "memory",
        "plan",
        "speed",
        "backend",
        "gpus",
        "next",
        "electron",
        "workers",
        "cdn",
        "offline",
        "isolation",
        "docker",
        "cluster",
        "ranks",
      ]),
    ],
  },
  {
    title: "Understanding",
    pages: [
      page("understanding/architecture", "docs/architecture.md"),
      ...folder("understanding", ["guide", "determinism", "tolerances", "precision"]),
      page("understanding/security", "docs/security.md"),
      page("understanding/seeds", "docs/understanding/seeds.md"),
    ],
  },
  {
    title: "Reference",
    pages: [
      page("reference/commands", null),
      page("reference/recipes", null),
      ...folder("reference", ["where", "errors", "run-folder", "formats", "compatibility"]),
      page("reference/command", "apps/cli/README.md"),
      page("reference/figures", "docs/figures.md"),
    ],
  },
  { title: "Packages", pages: packages.map((name) => page(`packages/${name}`, `packages/${name}/README.md`)) },
  { title: "API", pages: [page("api/index", null)] },
  {
    title: "Compared",
    pages: [
      page("compared/libraries", "docs/compared.md"),
      page("compared/families", "docs/comparison.md"),
      page("compared/guides", "docs/compared-guides.md"),
      page("compared/data", "docs/study.md"),
    ],
  },
  {
    title: "Contributing",
    pages: [page("contributing/start", "CONTRIBUTING.md"), page("contributing/adding", "docs/adding.md")],
  },
]

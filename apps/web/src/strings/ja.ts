import type { Texts } from "./texts.ts"
import { detect } from "./ja-detect.ts"
import { inspect } from "./ja-inspect.ts"
import { teach } from "./ja-teach.ts"
import { train } from "./ja-train.ts"
import { guide } from "./ja-guide.ts"

export const ja: Texts = {
  tagline: "働く Vision Transformer を見る",
  rooms: { guide: "ガイド", train: "学習", inspect: "観察", detect: "検出" },
  skip: "本文へ",
  theme: { label: "外観", light: "明るい", dark: "暗い", system: "システム" },
  compute: { label: "計算するところ", auto: "自動", webgpu: "GPU", "onnx-web": "CPU" },
  language: "言語",
  figure: {
    play: "再生",
    pause: "一時停止",
    terms: "項",
    values: "値を表で読む",
    zoom: "拡大",
    close: "閉じる",
    heatMap: "ヒートマップ",
    patchGrid: "パッチの格子",
    keys: "矢印キーでセルを移動、Enter で選択、Escape で離れます。",
    cellSize: "セルの大きさ",
    patch: (n, grid) => `パッチ ${n}（${Math.floor((n - 1) / grid) + 1} 行 ${((n - 1) % grid) + 1} 列）`,
    classToken: "クラストークン",
    dimension: (n) => `次元 ${n}`,
    head: (n) => `ヘッド ${n}`,
    block: (n) => `ブロック ${n}`,
    row: (n) => `${n} 行`,
    column: (n) => `${n} 列`,
    rows: "行",
    columns: "列",
    tokens: "トークン",
    patches: "パッチ",
    dimensions: "次元",
    queries: "クエリ",
    keysAxis: "キー",
    query: (token) => `クエリ：${token}`,
    key: (token) => `キー：${token}`,
    channel: ["赤", "緑", "青"],
    sum: "行の和",
  },
  guide,
  teach,
  train,
  inspect,
  detect,
  frame: {
    refused: "このページはカメラを使い、ファイルを保存するので、ほかのサイトの枠の中では動きません。",
    open: "新しいタブで開く",
  },
  status: {
    starting: "エンジンとモデルを読み込んでいます …",
    first: "この画像の値はページと一緒に届きました。読み進めるとモデルが届きます。",
    computing: "計算中 …",
    ready: (device) => `このページの中で計算：${device}`,
    failed: (why) => `うまくいきませんでした：${why}`,
    notKept: "この部屋を読み込めませんでした。ネットワークがないときは、以前に開いた部屋だけを使えます。",
    noEngine: (why) =>
      `エンジンを起動できませんでした（${why}）。ブラウザに WebAssembly がないか、メモリが足りません。ほかのタブを閉じて、もう一度試してください。文章はこのままでも読めます。`,
    noMemory:
      "ブラウザがこれ以上メモリをくれませんでした。モデルや解像度や一歩ごとの枚数を小さくするか、ほかのタブを閉じてください。",
    deviceLost:
      "グラフィックスプロセッサが何度も使えなくなりました。もう一度試すか、ページの上で CPU を選んでください。",
    retry: "もう一度",
    noGpu: (why) => `計算に使えるグラフィックスプロセッサがありません（${why}）。CPU でも計算できます。`,
    useCpu: "CPU で計算する",
  },
}

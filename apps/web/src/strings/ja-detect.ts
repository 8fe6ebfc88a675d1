import type { Texts } from "./texts.ts"

export const detect: Texts["detect"] = {
  title: "たずねて、ものを見つける",
  lead: "小さな DETR が、はじめて見る場面を眺めます。見つけたものを指すと、どこを見ていたかが分かります。手元の絵や検出器を落としてもかまいません。すべてここで計算し、何も端末の外に出ません。",
  answers: "見つけたもの",
  scene: (n) => `場面 ${n}`,
  another: "別の場面",
  dropPictures: "絵をここに落とすこともできます。",
  small: "内蔵の検出器が知っているのは四つの形だけです。写真には、写真で学んだ検出器を下に落としてください。",
  threshold: "最低スコア",
  truth: "正解の枠",
  idle: "何も見つけなかったクエリ",
  objects: (n) => `${n} 個`,
  nothing: (share) => `スコアが ${share} を超えるものはありません。`,
  objectClass: "クラス",
  score: "スコア",
  box: "枠（ピクセル）",
  boxHint: "左、上、右、下の辺",
  query: "クエリ",
  noObject: "なし",
  queryAttention: (n) => `クエリ ${n} が見ているところ`,
  queryAttentionHint:
    "明るいところをクエリが見ています。ものの縁であることがよくあります。破線は、ほかの層の後の枠です。",
  layer: (n, all) => `${all} 層中 ${n} 層`,
  layers: "デコーダの層",
  heads: "ヘッド",
  mean: "ヘッドの平均",
  classes: "何だと思っているか",
  ideas: [
    {
      title: "クエリが一度にたずねる",
      text: (n) =>
        `畳み込みが絵を特徴の格子に変え、エンコーダですべての場所が互いを見ます。つぎに、学習された ${n} 個のクエリが並んで格子を見ます。どのクエリも、ひとつのクラスとひとつの枠、または「なし」と答えます。`,
    },
    {
      title: "対応づけが役割を分ける",
      text: () =>
        "学習では、答えと正解のものを一対一に結びます。クラスの誤り、枠の隔たりと重なりの合計が最も小さくなる組を選びます（ハンガリアン法）。結ばれたクエリはそのものを学び、ほかはみな「なし」と言うことを学びます。",
    },
    {
      title: "消す規則はいらない",
      text: () =>
        "ほかの検出器は枠をたくさん出し、重なったものを規則で捨てます。ここではクエリどうしが自己アテンションで見合い、層ごとに確かに、誰が何を受け持つかを決めます。見えているのは出力そのままで、決めきれなかったところには二重の枠が残ります。",
    },
  ],
  paper: "End-to-End Object Detection with Transformers (Carion et al., 2020)",
  model: "検出器",
  builtIn: "内蔵の検出器",
  dropModel:
    "「vitrine train --task detect」の記録のフォルダか zip、または Hugging Face の DETR（facebook/detr-resnet-50 など）をここに落とすか、",
  about: (m) =>
    `${m.encoder} + ${m.layers} 層、${m.heads} ヘッド、クエリ ${m.queries} 個、パラメータ ${m.parameters}。${m.classes} クラス。`,
  shapes: { circle: "円", cross: "十字", square: "正方形", triangle: "三角形" },
}

import type { Texts } from "./texts.ts"

export const detect: Texts["detect"] = {
  title: "물어서 물체를 찾기",
  lead: "작은 DETR이 처음 보는 장면을 바라봅니다. 찾아낸 것을 가리키면 어디를 보았는지 드러납니다. 가진 그림이나 검출기를 놓아도 됩니다. 모두 여기서 계산하며 아무것도 이 기기를 떠나지 않습니다.",
  answers: "찾아낸 것",
  scene: (n) => `장면 ${n}`,
  another: "다른 장면",
  dropPictures: "그림을 여기에 놓아도 됩니다.",
  small: "내장 검출기는 네 가지 도형만 압니다. 사진에는 사진으로 배운 검출기를 아래에 놓으세요.",
  threshold: "최소 점수",
  truth: "정답 상자",
  idle: "아무것도 못 찾은 쿼리",
  objects: (n) => `${n}개`,
  nothing: (share) => `점수가 ${share}를 넘는 것이 없습니다.`,
  objectClass: "클래스",
  score: "점수",
  box: "상자(픽셀)",
  boxHint: "왼쪽, 위, 오른쪽, 아래 변",
  query: "쿼리",
  noObject: "없음",
  queryAttention: (n) => `쿼리 ${n}이(가) 보는 곳`,
  queryAttentionHint:
    "밝은 곳이 쿼리가 보는 곳이며, 물체의 가장자리일 때가 많습니다. 점선은 다른 층을 지난 뒤의 상자입니다.",
  layer: (n, all) => `${all}층 가운데 ${n}층`,
  layers: "디코더의 층",
  heads: "헤드",
  mean: "헤드 평균",
  classes: "무엇으로 여기는지",
  ideas: [
    {
      title: "쿼리가 한꺼번에 묻는다",
      text: (n) =>
        `합성곱이 그림을 특징의 격자로 바꾸고, 인코더에서 모든 자리가 서로를 봅니다. 그다음 학습된 쿼리 ${n}개가 나란히 격자를 봅니다. 쿼리마다 클래스 하나와 상자 하나, 또는 ‘없음’으로 답합니다.`,
    },
    {
      title: "짝짓기가 역할을 나눈다",
      text: () =>
        "학습에서는 답과 실제 물체를 일대일로 짝짓습니다. 클래스의 오류, 상자의 거리와 겹침을 합한 값이 가장 작은 짝을 고릅니다(헝가리안 알고리즘). 짝이 된 쿼리는 그 물체를 배우고, 나머지는 모두 ‘없음’이라고 말하기를 배웁니다.",
    },
    {
      title: "지우는 규칙이 없다",
      text: () =>
        "다른 검출기는 상자를 많이 내고 겹친 것을 규칙으로 버립니다. 여기서는 쿼리들이 셀프 어텐션으로 서로를 보며 누가 무엇을 맡을지 층마다 더 분명히 정합니다. 보이는 것은 출력 그대로이며, 둘이 정하지 못한 곳에는 겹친 상자가 남습니다.",
    },
  ],
  paper: "End-to-End Object Detection with Transformers (Carion et al., 2020)",
  model: "검출기",
  builtIn: "내장 검출기",
  dropModel:
    "‘vitrine train --task detect’의 기록 폴더나 zip, 또는 Hugging Face의 DETR(facebook/detr-resnet-50 등)을 여기에 놓거나",
  about: (m) =>
    `${m.encoder} + ${m.layers} 층, 헤드 ${m.heads}개, 쿼리 ${m.queries}개, 파라미터 ${m.parameters}. 클래스 ${m.classes}개.`,
  shapes: { circle: "원", cross: "십자", square: "정사각형", triangle: "삼각형" },
}

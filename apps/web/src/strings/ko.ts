import type { Texts } from "./texts.ts"
import { detect } from "./ko-detect.ts"
import { inspect } from "./ko-inspect.ts"
import { teach } from "./ko-teach.ts"
import { train } from "./ko-train.ts"
import { guide } from "./ko-guide.ts"

export const ko: Texts = {
  tagline: "일하는 Vision Transformer를 보다",
  rooms: { guide: "가이드", train: "학습", inspect: "관찰", detect: "검출" },
  skip: "본문으로",
  theme: { label: "모양", light: "밝게", dark: "어둡게", system: "시스템" },
  compute: { label: "계산하는 곳", auto: "자동", webgpu: "GPU", "onnx-web": "CPU" },
  language: "언어",
  figure: {
    play: "재생",
    pause: "일시 정지",
    terms: "항",
    values: "값을 표로 보기",
    zoom: "확대",
    close: "닫기",
    heatMap: "히트맵",
    patchGrid: "패치 격자",
    keys: "화살표 키로 칸을 옮기고, Enter로 고르고, Escape로 나갑니다.",
    cellSize: "칸의 크기",
    patch: (n, grid) => `패치 ${n}(${Math.floor((n - 1) / grid) + 1}행 ${((n - 1) % grid) + 1}열)`,
    classToken: "클래스 토큰",
    dimension: (n) => `차원 ${n}`,
    head: (n) => `헤드 ${n}`,
    block: (n) => `블록 ${n}`,
    row: (n) => `${n}행`,
    column: (n) => `${n}열`,
    rows: "행",
    columns: "열",
    tokens: "토큰",
    patches: "패치",
    dimensions: "차원",
    queries: "쿼리",
    keysAxis: "키",
    query: (token) => `쿼리: ${token}`,
    key: (token) => `키: ${token}`,
    channel: ["빨강", "초록", "파랑"],
    sum: "행의 합",
  },
  guide,
  teach,
  train,
  inspect,
  detect,
  frame: {
    refused: "이 방은 카메라를 쓰고 파일을 보관하므로 다른 사이트의 틀 안에서는 동작하지 않습니다.",
    open: "새 탭에서 열기",
  },
  status: {
    starting: "엔진과 모델을 불러오는 중 …",
    first: "이 그림의 값은 페이지와 함께 왔습니다. 계속 읽으면 모델이 따라옵니다.",
    computing: "계산 중 …",
    ready: (device) => `이 페이지 안에서 계산: ${device}`,
    failed: (why) => `잘 되지 않았습니다: ${why}`,
    notKept: "이 방을 불러오지 못했습니다. 네트워크가 없으면 전에 연 방만 쓸 수 있습니다.",
    noEngine: (why) =>
      `엔진을 시작하지 못했습니다(${why}). 브라우저에 WebAssembly가 없거나 메모리가 부족할 수 있습니다. 다른 탭을 닫고 다시 해 보세요. 글은 이대로도 읽을 수 있습니다.`,
    noMemory:
      "브라우저가 메모리를 더 내주지 않았습니다. 모델이나 해상도, 한 걸음의 그림 수를 줄이거나 다른 탭을 닫으세요.",
    deviceLost: "그래픽 프로세서를 여러 번 잇달아 쓸 수 없게 되었습니다. 다시 시도하거나 페이지 위에서 CPU를 고르세요.",
    retry: "다시 시도",
    noGpu: (why) => `계산에 쓸 그래픽 프로세서가 없습니다(${why}). CPU로도 계산할 수 있습니다.`,
    useCpu: "CPU로 계산하기",
  },
}

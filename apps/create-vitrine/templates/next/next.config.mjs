export default { serverExternalPackages: ["vitrine", "onnxruntime-node", "sharp"] }

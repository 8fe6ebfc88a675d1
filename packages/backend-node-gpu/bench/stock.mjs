// node stock.mjs CASE MODELS_FOLDER: the same model in TensorFlow.js' own operations, on the tfjs-node of the project
// in the current folder. The weights are random: their values take no time.
import { createRequire } from "node:module"
import { join } from "node:path"
import { cases, configOf } from "../../backend-onnx/bench/cases.mjs"
import { answer } from "../../backend-onnx/bench/contender.mjs"
import { polyfillUtil } from "../dist/index.js"

polyfillUtil()
process.env.TF_CPP_MIN_LOG_LEVEL ??= "3"
const tf = createRequire(join(process.cwd(), "package.json"))("@tensorflow/tfjs-node")
const { train, model, batch } = cases[process.argv[2]]
const { imageSize, patchSize, channels, dim, depth, heads, mlpDim, classes } = configOf(model)
const [side, patch] = [imageSize[0], patchSize[0]]
const grid = side / patch
const tokens = grid * grid + 1
const headDim = dim / heads

const weight = (...shape) => tf.variable(tf.tidy(() => tf.truncatedNormal(shape, 0, 0.02)))
const zeros = (n) => tf.variable(tf.zeros([n]))
const ones = (n) => tf.variable(tf.ones([n]))
const linearOf = (inputs, outputs) => [weight(inputs, outputs), zeros(outputs)]
const normOf = () => [ones(dim), zeros(dim)]
const embed = linearOf(patch * patch * channels, dim)
const [classToken, positions] = [weight(1, 1, dim), weight(1, tokens, dim)]
const blocks = Array.from({ length: depth }, () => ({
  norm1: normOf(),
  qkv: linearOf(dim, 3 * dim),
  proj: linearOf(dim, dim),
  norm2: normOf(),
  fc1: linearOf(dim, mlpDim),
  fc2: linearOf(mlpDim, dim),
}))
const [norm, head] = [normOf(), linearOf(dim, classes)]

const linear = (x, [w, b]) => tf.add(tf.matMul(x, w), b)
function layerNorm(x, [gamma, beta]) {
  const { mean, variance } = tf.moments(x, -1, true)
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-6))), gamma), beta)
}
const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))

function forward(images) {
  const cut = tf.reshape(images, [batch, grid, patch, grid, patch, channels])
  const patches = tf.reshape(tf.transpose(cut, [0, 1, 3, 2, 4, 5]), [batch * grid * grid, patch * patch * channels])
  const embedded = tf.reshape(linear(patches, embed), [batch, grid * grid, dim])
  const all = tf.add(tf.concat([tf.tile(classToken, [batch, 1, 1]), embedded], 1), positions)
  let x = tf.reshape(all, [batch * tokens, dim])
  for (const block of blocks) {
    const joined = tf.reshape(linear(layerNorm(x, block.norm1), block.qkv), [batch, tokens, 3, heads, headDim])
    const [q, k, v] = tf.unstack(tf.transpose(joined, [2, 0, 3, 1, 4]), 0)
    const scores = tf.softmax(tf.mul(tf.matMul(q, k, false, true), headDim ** -0.5))
    const context = tf.reshape(tf.transpose(tf.matMul(scores, v), [0, 2, 1, 3]), [batch * tokens, dim])
    x = tf.add(x, linear(context, block.proj))
    x = tf.add(x, linear(gelu(linear(layerNorm(x, block.norm2), block.fc1)), block.fc2))
  }
  const first = tf.reshape(tf.slice(tf.reshape(x, [batch, tokens, dim]), [0, 0, 0], [batch, 1, dim]), [batch, dim])
  return linear(layerNorm(first, norm), head)
}

const images = tf.randomNormal([batch, side, side, channels])
if (train) {
  const labels = tf
    .oneHot(
      tf.tensor1d(
        Array.from({ length: batch }, (_, i) => i % classes),
        "int32",
      ),
      classes,
    )
    .toFloat()
  const optimizer = tf.train.adam(1e-3)
  await answer([], () => {
    const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, forward(images)), true)
    loss.dataSync()
    loss.dispose()
  })
} else
  await answer([], () => {
    const logits = tf.tidy(() => forward(images))
    logits.dataSync()
    logits.dispose()
  })

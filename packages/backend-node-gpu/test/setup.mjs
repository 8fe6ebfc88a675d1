// Before the tests: builds TensorFlow's addon, or says why the tests that need it will be skipped.
import { setup } from "../dist/index.js"

try {
  const { path } = await setup("node-cpu", {
    onProgress: (progress) => {
      if (progress.type === "step") console.log(`node-cpu: ${progress.step} …`)
    },
  })
  console.log(`node-cpu: ${path}`)
} catch (error) {
  console.log(`node-cpu: its tests are skipped, for it cannot be set up: ${error.message}`)
}

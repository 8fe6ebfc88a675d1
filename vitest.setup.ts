import { configureGlobal } from "fast-check"

// Property tests draw the same inputs each time. `SEED=… npm run test:long` draws others.
configureGlobal({ seed: Number(process.env.SEED ?? 1) })

// Writes the reports of all entries. A change of them is a change of the interface that users notice: it needs a
// changeset.
//
//     npm run api
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { readSurface, report, reportFile } from "./src/surface.mjs"

const reports = new URL("./reports/", import.meta.url)
for (const file of readdirSync(reports)) rmSync(new URL(file, reports))
for (const entry of readSurface()) writeFileSync(reportFile(entry), report(entry))

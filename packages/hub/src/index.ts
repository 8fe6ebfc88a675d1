export { type DatasetName, isDatasetName, parseDatasetName } from "./dataset-name.ts"
export { type HubName, hubAddress, isHubName, parseHubName } from "./name.ts"

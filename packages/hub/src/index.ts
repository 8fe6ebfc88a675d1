export { type HubName, hubAddress, isHubName, parseHubName } from "./name.ts"

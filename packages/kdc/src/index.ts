export * from "./exchanges/index.ts";
export * from "./policy/index.ts";
export * from "./server/index.ts";

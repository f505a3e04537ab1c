export * from "./exchanges/index.ts";
export * from "./policy/index.ts";

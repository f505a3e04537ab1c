export * from "./bytes.ts";
export * from "./deadline.ts";
export * from "./errors.ts";
export * from "./log.ts";
export * from "./random.ts";
export * from "./rate-limiter.ts";
export * from "./resolve-srv.ts";
export * from "./time.ts";

export { type KdcServer, type KdcServerOptions, startKdcServer } from "./kdc-server.ts";

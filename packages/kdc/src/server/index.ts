export {
  makeServerCertificate,
  type ServerCertificate,
  type ServerCertificateOptions,
} from "./certificate.ts";
export { controllerPaths, createControllerState, type NewController } from "./controller-state.ts";
export {
  type ControllerPorts,
  DomainController,
  type DomainControllerOptions,
  defaultRequestRate,
} from "./domain-controller.ts";
export { exportKeytab } from "./export-keytab.ts";
export { type KdcServer, type KdcServerOptions, startKdcServer } from "./kdc-server.ts";
export { type ServeControllerOptions, serveController } from "./serve-controller.ts";

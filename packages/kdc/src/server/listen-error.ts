import { systemCode, WaybillError } from "@waybill/base";

/** A service could not get its address and port. */
export function listenError(cause: unknown, service: string, host: string, port: number): WaybillError {
  const why = systemCode(cause) ?? "UNKNOWN";
  const remedy =
    why === "EACCES"
      ? "Ports below 1024 need root or the capability CAP_NET_BIND_SERVICE."
      : why === "EADDRINUSE"
        ? "Something else listens there: stop it or choose another address."
        : "Check that the address belongs to this machine.";
  return new WaybillError(`cannot listen for ${service} on ${host} port ${port}: ${why}`, {
    code: "LISTEN_FAILED",
    family: "environment",
    facts: { service, host, port, why },
    remedy,
    cause,
  });
}

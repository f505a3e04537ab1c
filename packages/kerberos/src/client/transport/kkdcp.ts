import { request as httpsRequest, type RequestOptions } from "node:https";
import { KdcProxyMessage } from "../../messages/kdc-proxy.ts";
import { badFrame, framed } from "./tcp.ts";
import type { Attempt } from "./udp.ts";

/** TLS settings for KDC proxies: `ca`, `servername` and their like, as Node's https module takes them. */
export type ProxyTlsOptions = Pick<
  RequestOptions,
  "ca" | "servername" | "checkServerIdentity" | "rejectUnauthorized"
>;

const maxBody = 4 * 1024 * 1024;

/** One request and answer through a KDC proxy over HTTPS: MS-KKDCP section 3.1.5. */
export function proxyExchange(
  url: { readonly host: string; readonly port: number; readonly path: string },
  realm: string,
  message: Uint8Array,
  tls: ProxyTlsOptions = {},
): Attempt {
  const body = KdcProxyMessage.encode({ kerbMessage: framed(message), targetDomain: realm });
  const headers = { "content-type": "application/kerberos", "content-length": body.length };
  const request = httpsRequest({ ...tls, ...url, method: "POST", headers, agent: false });
  const answer = new Promise<Uint8Array>((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Uint8Array[] = [];
      let received = 0;
      response.on("data", (chunk: Uint8Array) => {
        received += chunk.length;
        if (received > maxBody)
          request.destroy(badFrame(`the proxy's answer is longer than ${maxBody} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode !== 200)
          return reject(badFrame(`the proxy answered HTTP ${response.statusCode}`));
        try {
          resolve(readProxyAnswer(Buffer.concat(chunks)));
        } catch (error) {
          reject(error as Error);
        }
      });
    });
    request.end(body);
  });
  return { answer, cancel: () => void request.destroy() };
}

/** The KDC's message in a proxy's answer. @throws Asn1Error, KerberosError KDC_BAD_FRAME */
export function readProxyAnswer(body: Uint8Array): Uint8Array {
  const frame = KdcProxyMessage.decode(body).kerbMessage;
  if (frame.length < 4) throw badFrame("the proxy's answer holds no message");
  const length = new DataView(frame.buffer, frame.byteOffset, 4).getUint32(0);
  if (length !== frame.length - 4) throw badFrame("the proxy's answer has a wrong length in it");
  return frame.subarray(4);
}

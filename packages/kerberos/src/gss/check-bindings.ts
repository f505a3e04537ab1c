import { equalBytes, equalSecrets } from "@waybill/base";
import { AuthorizationData } from "../messages/basic.ts";
import { AdType } from "../registry/ad-type.ts";
import type { AcceptedApReq } from "./accept-ap-req.ts";
import type { AuthenticatorChecksum } from "./authenticator-checksum.ts";
import { type ChannelBindings, hashChannelBindings } from "./channel-bindings.ts";
import { decoding, GssError } from "./gss-error.ts";

/** What stands in place of a hash when there are no channel bindings. */
export const noBindings = new Uint8Array(16);

/** Which channels a service takes, and whether it insists. */
export interface BindingsPolicy {
  /** What this channel may be called; one of several names when initiators may use different kinds of bindings. */
  readonly channelBindings?: ChannelBindings | readonly ChannelBindings[] | undefined;
  /** Refuse initiators that send no channel bindings. Those that send wrong ones are refused anyway. */
  readonly requireChannelBindings?: boolean | undefined;
}

/**
 * Compares the channel that a client is bound to with those of the service: RFC 4121 section 4.1.1.2.
 *
 * @returns whether both were bound to the same one
 * @throws GssError GSS_BAD_BINDINGS
 */
export function checkBindings(
  said: AuthenticatorChecksum,
  { authenticator }: AcceptedApReq,
  { channelBindings, requireChannelBindings }: BindingsPolicy,
): boolean {
  const required = requireChannelBindings === true;
  const own = channelBindings === undefined ? [] : [channelBindings].flat();
  if (own.length === 0 && !required) return false;
  const absent = equalBytes(said.bindings, noBindings);
  if (absent && !required && !promisesBindings(authenticator.authorizationData)) return false;
  if (own.some((bindings) => equalSecrets(said.bindings, hashChannelBindings(bindings)))) return true;
  throw new GssError(
    "GSS_BAD_BINDINGS",
    absent ? "the client sent no channel bindings" : "the client is bound to another channel",
    {
      remedy:
        "Nothing may break up TLS between client and service; with a proxy that does, channel bindings cannot be required.",
    },
  );
}

/** KERB_AP_OPTIONS_CBT of MS-KILE 2.2.5: a client that says so always sends bindings; none means somebody cut them. */
function promisesBindings(data: AuthorizationData | undefined): boolean {
  const supported = 0x4000;
  const elements = (data ?? []).flatMap((element) =>
    element.adType === AdType.ifRelevant
      ? decoding("AD-IF-RELEVANT", () => AuthorizationData.decode(element.adData))
      : [element],
  );
  return elements.some(({ adType, adData }) => {
    if (adType !== AdType.apOptions || adData.length < 4) return false;
    return (new DataView(adData.buffer, adData.byteOffset).getUint32(0, true) & supported) !== 0;
  });
}

import { explain } from "@waybill/doctor";
import { describe, expect, it } from "vitest";

// Every code, event and status that Microsoft's pages about live migration, delegation and their KDC name, and each
// sentence that goes with one. Whoever meets it has to find at least one cause and what to do.

const codes: readonly (readonly [code: string, name: string])[] = [
  ["0x8009030C", "SEC_E_LOGON_DENIED"],
  ["0x8009030D", "SEC_E_UNKNOWN_CREDENTIALS"],
  ["0x8009030E", "SEC_E_NO_CREDENTIALS"],
  ["0x80090311", "SEC_E_NO_AUTHENTICATING_AUTHORITY"],
  ["0x80090322", "SEC_E_WRONG_PRINCIPAL"],
  ["0x80070005", "E_ACCESSDENIED"],
  ["0x8007000D", "ERROR_INVALID_DATA"],
  ["0x8007000E", "E_OUTOFMEMORY"],
  ["0x8007052F", "ERROR_ACCOUNT_RESTRICTION"],
  ["0x80070534", "ERROR_NONE_MAPPED"],
  ["0x80070569", "ERROR_LOGON_TYPE_NOT_GRANTED"],
  ["0x800705AA", "ERROR_NO_SYSTEM_RESOURCES"],
  ["0x80071398", "ERROR_HOST_NODE_NOT_GROUP_OWNER"],
  ["0x8007200A", "ERROR_DS_NO_ATTRIBUTE_OR_VALUE"],
  ["0x8007271D", "WSAEACCES"],
  ["0x80072741", "WSAEADDRNOTAVAIL"],
  ["0x80072746", "WSAECONNRESET"],
  ["0x8007274C", "WSAETIMEDOUT"],
  ["0x8007274D", "WSAECONNREFUSED"],
  ["0x80042001", "0x80042001"],
  ["0x000013AB", "ERROR_CLUSTER_NETWORK_NOT_FOUND"],
  ["0xC03A0014", "ERROR_VIRTDISK_PROVIDER_NOT_FOUND"],
  ["0xC000006E", "STATUS_ACCOUNT_RESTRICTION"],
  ["0xC00000BB", "STATUS_NOT_SUPPORTED"],
  ["0xC0000225", "STATUS_NOT_FOUND"],
  ["0xC0000272", "STATUS_NO_MATCH"],
];

const events = [
  201, 202, 203, 204, 205, 206, 207, 208, 209, 280, 1106, 4738, 4768, 4769, 5136, 10698, 14050, 20306, 20406,
  20413, 20417, 21024, 21125, 21501, 21502,
];

/** Met on web pages only. */
const hearsay = [16010, 20308, 20400, 21026, 22038, 22040];

const kerberos: readonly (readonly [number: number, name: string])[] = [
  [7, "KDC_ERR_S_PRINCIPAL_UNKNOWN"],
  [12, "KDC_ERR_POLICY"],
  [13, "KDC_ERR_BADOPTION"],
  [14, "KDC_ERR_ETYPE_NOSUPP"],
  [20, "KDC_ERR_TGT_REVOKED"],
  [25, "KDC_ERR_PREAUTH_REQUIRED"],
  [26, "KDC_ERR_SERVER_NOMATCH"],
  [31, "KRB_AP_ERR_BAD_INTEGRITY"],
  [36, "KRB_AP_ERR_BADMATCH"],
  [41, "KRB_AP_ERR_MODIFIED"],
  [50, "KRB_AP_ERR_INAPP_CKSUM"],
  [68, "KDC_ERR_WRONG_REALM"],
];

const returnValues = [
  1, 2, 3, 4, 5, 6, 4096, 32768, 32769, 32770, 32771, 32772, 32773, 32774, 32775, 32776, 32777, 32778, 32784,
];
const jobStates = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 32768];

const sentences: readonly (readonly [sentence: string, name: string])[] = [
  ["No credentials are available in the security package", "SEC_E_NO_CREDENTIALS"],
  [
    "failed to authenticate the connection at the source host: no suitable credentials available.",
    "No suitable credentials at the source host",
  ],
  ["The credentials supplied to the package were not recognized", "SEC_E_UNKNOWN_CREDENTIALS"],
  ["The target principal name is incorrect.", "SEC_E_WRONG_PRINCIPAL"],
  ["General access denied error", "E_ACCESSDENIED"],
  [
    "Logon failure: the user has not been granted the requested logon type at this computer.",
    "ERROR_LOGON_TYPE_NOT_GRANTED",
  ],
  ["Failed to create Planned Virtual Machine at migration destination: …", "Planned machine not created"],
  ["No mapping between account names and security IDs was done.", "ERROR_NONE_MAPPED"],
  ["The client cannot connect to the destination specified in the request", "WinRM cannot connect"],
  ["The server does not support WS-Management Identify operations", "No WS-Management at that address"],
  ["A specified logon session does not exist", "Second hop over WinRM"],
  [
    "A connection attempt failed because the connected party did not properly respond after a period of time",
    "WSAETIMEDOUT",
  ],
  ["disabled the listener for Virtual Machine migration connections", "WSAECONNREFUSED"],
  [
    "Failed to send data for a Virtual Machine migration: An existing connection was forcibly closed by the remote host.",
    "WSAECONNRESET",
  ],
  ["using processor-specific features not supported on host", "Processor features differ"],
  ["Could not find Ethernet switch 'External'.", "Switch name differs"],
  ["MessageId : 33012", "Switch name differs"],
  ["because virtual machine migration limit '2' was reached, please wait", "Migration limit reached"],
  ["The key protector for the virtual machine could not be unwrapped.", "Key protector not unwrapped"],
  ["completed with an unexpectedly long blackout time of 63.1 seconds", "Event 20417"],
  ["Failed to register service principal name.", "Event 14050"],
  ["the service couldn't decrypt the packet", "Encrypted message not opened"],
  ["KDCSVC 205", "Event 205"],
];

/** The name of what comes first, once it is seen to say why and what to do. */
function told(text: string): string {
  const [first] = explain(text).matches;
  expect(first, text).toBeDefined();
  if (first === undefined) return "";
  const { entry } = first;
  expect(entry.causes.length, text).toBeGreaterThan(0);
  for (const { cause } of entry.causes) expect(cause, text).not.toBe("");
  expect(entry.remedy, text).not.toBe("");
  expect(entry.docs, text).toMatch(/^docs\/.+\.md#/);
  return entry.name;
}

describe("what Windows says is known, with a cause and a remedy", () => {
  it.each(codes)("%s: %s", (code, name) => {
    expect(told(code)).toBe(name);
    expect(told(`Operation failed (${code}).`)).toBe(name);
  });

  it.each(events)("event %i", (id) => {
    expect(told(`event ${id}`)).toBe(`Event ${id}`);
    expect(told(`Event ID: ${id}`)).toBe(`Event ${id}`);
  });

  it.each(kerberos)("Kerberos error %i: %s", (number, name) => {
    expect(told(`Kerberos error ${number}`)).toBe(name);
    expect(told(`Failure code: 0x${number.toString(16)}`)).toBe(name);
    expect(told(name)).toBe(name);
    expect(told(String(number))).toBe(name);
  });

  it.each(returnValues)("ReturnValue %i", (value) => {
    expect(told(`ReturnValue : ${value}`)).toMatch(new RegExp(`^ReturnValue ${value}: `));
  });

  it.each(jobStates)("JobState %i", (value) => {
    expect(told(`JobState : ${value}`)).toMatch(new RegExp(`^JobState ${value}: `));
  });

  it.each(sentences)("%s", (sentence, name) => expect(told(sentence)).toBe(name));
});

describe("what only hearsay knows", () => {
  it.each(hearsay)("nothing is asserted of event %i", (id) => {
    expect(explain(`event ${id}`)).toMatchObject({ matches: [], undocumentedEvents: [id] });
  });
});

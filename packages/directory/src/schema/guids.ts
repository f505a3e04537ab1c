/** schemaIDGUIDs, property sets and extended rights that access control entries name: MS-ADA1 to 3, MS-ADTS 5.1.3.2.1. */
export const AttributeGuid: Readonly<Record<string, string>> = {
  serviceprincipalname: "f3a64788-5306-11d1-a9c5-0000f80367c1",
  dnshostname: "72e39547-7b18-11d1-adef-00c04fd8d5cd",
  useraccountcontrol: "bf967a68-0de6-11d0-a285-00aa003049e2",
  member: "bf9679c0-0de6-11d0-a285-00aa003049e2",
  pwdlastset: "bf967a0a-0de6-11d0-a285-00aa003049e2",
  accountexpires: "bf967915-0de6-11d0-a285-00aa003049e2",
  lockouttime: "28630ebf-41d5-11d1-a9c1-0000f80367c1",
  userprincipalname: "28630ebb-41d5-11d1-a9c1-0000f80367c1",
  samaccountname: "3e0abfd0-126a-11d0-a060-00aa006c33ed",
  description: "bf967950-0de6-11d0-a285-00aa003049e2",
  displayname: "bf967953-0de6-11d0-a285-00aa003049e2",
  "msds-allowedtodelegateto": "800d94d7-b7a1-42a1-b14d-7cae1423d07f",
  "msds-allowedtoactonbehalfofotheridentity": "3f78c3e5-f79a-46bd-a0b8-9d18116ddc79",
  "msds-supportedencryptiontypes": "20119867-1d04-4ab7-9371-cfc3d5df0afd",
};

const accountRestrictions = "4c164200-20c0-11d0-a768-00aa006e0529";
const personalInformation = "77b5b886-944a-11d1-aebd-0000f80367c1";

/** The property set an attribute belongs to. */
export const PropertySetOf: Readonly<Record<string, string>> = {
  useraccountcontrol: accountRestrictions,
  pwdlastset: accountRestrictions,
  accountexpires: accountRestrictions,
  "msds-allowedtoactonbehalfofotheridentity": accountRestrictions,
  telephonenumber: personalInformation,
  street: personalInformation,
  l: personalInformation,
  st: personalInformation,
  c: personalInformation,
  userprincipalname: "e48d0154-bcf8-11d1-8702-00c04fb96050",
};

export const PropertySet = { accountRestrictions, personalInformation } as const;

export const ExtendedRight = {
  resetPassword: "00299570-246d-11d0-a768-00aa006e0529",
  changePassword: "ab721a53-1e2f-11d0-9819-00aa0040529b",
} as const;

/** schemaIDGUIDs of classes, for the right to create children. */
export const ClassGuid: Readonly<Record<string, string>> = {
  user: "bf967aba-0de6-11d0-a285-00aa003049e2",
  computer: "bf967a86-0de6-11d0-a285-00aa003049e2",
  group: "bf967a9c-0de6-11d0-a285-00aa003049e2",
  organizationalunit: "bf967aa5-0de6-11d0-a285-00aa003049e2",
  container: "bf967a8b-0de6-11d0-a285-00aa003049e2",
};

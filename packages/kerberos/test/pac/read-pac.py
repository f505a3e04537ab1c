"""Reads a PAC (hexadecimal, on standard input) with Samba's NDR decoder; says what is in it and packs it again."""
import json
import sys

from samba.dcerpc import krb5pac
from samba.ndr import ndr_pack, ndr_unpack

source = bytes.fromhex(sys.stdin.read())
pac = ndr_unpack(krb5pac.PAC_DATA, source)
said = {"again": ndr_pack(pac).hex(), "types": [buffer.type for buffer in pac.buffers]}
text = lambda value: value.string


def groups(array):
    return [[entry.rid, entry.attributes] for entry in array.rids or []]


for buffer in pac.buffers:
    info = buffer.info
    if buffer.type == krb5pac.PAC_TYPE_LOGON_INFO:
        base, resources = info.info.info3.base, info.info.resource_groups
        said["logon"] = {
            "account": text(base.account_name),
            "fullName": text(base.full_name),
            "server": text(base.logon_server),
            "domain": text(base.logon_domain),
            "rid": base.rid,
            "primary": base.primary_gid,
            "groups": groups(base.groups),
            "flags": base.user_flags,
            "domainSid": str(base.domain_sid),
            "control": base.acct_flags,
            "passwordSet": base.last_password_change,
            "extra": [[str(entry.sid), entry.attributes] for entry in info.info.info3.sids or []],
            "resourceDomain": None if resources.domain_sid is None else str(resources.domain_sid),
            "resources": groups(resources.groups),
        }
    elif buffer.type == krb5pac.PAC_TYPE_LOGON_NAME:
        said["client"] = [info.account_name, info.logon_time]
    elif buffer.type == krb5pac.PAC_TYPE_CONSTRAINED_DELEGATION:
        said["delegation"] = [text(info.info.proxy_target), [text(s) for s in info.info.transited_services]]
    elif buffer.type == krb5pac.PAC_TYPE_UPN_DNS_INFO:
        said["upn"] = [info.upn_name, info.dns_domain_name, info.flags, info.ex.samaccountname, str(info.ex.objectsid)]
    elif buffer.type == krb5pac.PAC_TYPE_ATTRIBUTES_INFO:
        said["attributes"] = info.flags
    elif buffer.type == krb5pac.PAC_TYPE_REQUESTER_SID:
        said["requestor"] = str(info.sid)
print(json.dumps(said))

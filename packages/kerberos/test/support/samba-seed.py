"""Applies a list of operations (JSON on standard input) to a Samba domain controller's database, as root.

Usage: samba-seed.py SMB_CONF PRIVATE_DIR
The operations are those of the lab (packages/cli/samba/directory.py), and one more:
            {"op": "dns", "host": "dc1", "address": "127.1.2.3"}           replaces the A record
"""
import json
import os
import sys

import ldb
from samba.dcerpc import dnsp
from samba.ndr import ndr_pack

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../cli/samba"))
import directory
from directory import base, db


def dns(op):
    domain = base.replace("DC=", "").replace(",", ".").lower()
    dn = ldb.Dn(db, f"DC={op['host']},DC={domain},CN=MicrosoftDNS,DC=DomainDnsZones,{base}")
    record = dnsp.DnssrvRpcRecord()
    record.wType = dnsp.DNS_TYPE_A
    record.rank = dnsp.DNS_RANK_ZONE
    record.dwTtlSeconds = 900
    record.data = op["address"]
    try:
        directory.replace(dn, "dnsRecord", [ndr_pack(record)])
    except ldb.LdbError as error:
        if error.args[0] != ldb.ERR_NO_SUCH_OBJECT:
            raise
        db.add({"dn": dn, "objectClass": "dnsNode", "dnsRecord": ndr_pack(record)})


directory.actions["dns"] = dns
directory.carry_out(json.load(sys.stdin))

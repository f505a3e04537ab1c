"""Runs tests of samba.tests.krb5 (Debian's python3-samba) against a controller without RPC: the keys that the tests
fetch by DRSUAPI come from a keytab server instead. Arguments: the URL of the keytab server, names of tests."""

import json
import sys
import unittest
import urllib.parse
import urllib.request

from samba.credentials import MUST_USE_KERBEROS
from samba.tests.krb5.kdc_base_test import KDCBaseTest
from samba.tests.krb5.raw_testcase import RawKerberosTest

server = sys.argv[1]


def get_keys(_self, _samdb, dn, expected_etypes=None):
    url = server + "?dn=" + urllib.parse.quote(str(dn))
    with urllib.request.urlopen(url, timeout=10) as reply:
        return {int(etype): key for etype, key in json.load(reply).items()}


original = RawKerberosTest.get_admin_creds


def get_admin_creds(self, *args, **options):
    creds = original(self, *args, **options)
    creds.set_kerberos_state(MUST_USE_KERBEROS)
    return creds


def get_default_enctypes(_self):
    return {18, 17}


# Without RC4, which is off for accounts that do not name it (CVE-2026-20833).
rc4_bit = 4
set_enctypes = KDCBaseTest.creds_set_enctypes


def creds_set_enctypes(self, creds, extra_bits=None, remove_bits=None):
    set_enctypes(self, creds, extra_bits=extra_bits, remove_bits=(remove_bits or 0) | rc4_bit)


KDCBaseTest.get_keys = get_keys
KDCBaseTest.get_default_enctypes = get_default_enctypes
KDCBaseTest.creds_set_enctypes = creds_set_enctypes
RawKerberosTest.get_admin_creds = get_admin_creds
unittest.main(module=None, argv=["samba.tests.krb5", "-v", *sys.argv[2:]])

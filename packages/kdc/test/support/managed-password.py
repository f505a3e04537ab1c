"""Reads MSDS-MANAGEDPASSWORD_BLOB (base64 on standard input) with Impacket; prints the AES-256 key for a salt."""
import base64
import sys
import types

# The module with the structure imports this for something else, and Debian does not have it.
for name in ("dsinternals", "dsinternals.common", "dsinternals.common.data", "dsinternals.common.data.DNWithBinary",
             "dsinternals.common.data.hello", "dsinternals.common.data.hello.KeyCredential", "dsinternals.system",
             "dsinternals.system.Guid", "dsinternals.common.cryptography",
             "dsinternals.common.cryptography.X509Certificate2", "dsinternals.system.DateTime"):
    module = sys.modules[name] = types.ModuleType(name)
    module.__getattr__ = lambda attribute: object

from impacket.examples.ntlmrelayx.attacks.ldapattack import MSDS_MANAGEDPASSWORD_BLOB
from impacket.krb5.crypto import _AES256CTS

blob = MSDS_MANAGEDPASSWORD_BLOB()
blob.fromString(base64.b64decode(sys.stdin.read()))
password = blob["CurrentPassword"][:-2].decode("utf-16-le").encode()
print(_AES256CTS.string_to_key(password, sys.argv[1].encode(), None).contents.hex())

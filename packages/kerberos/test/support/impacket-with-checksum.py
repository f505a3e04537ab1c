"""Runs an Impacket example against a KDC that insists on RFC 4120 section 7.2.2: Impacket leaves the checksum over the
request's body out of the authenticator, which Windows lets pass and Heimdal does not. This puts it in. Arguments: the
script and its own."""

import runpy
import sys

from impacket.krb5 import crypto, kerberosv5
from impacket.krb5.asn1 import AP_REQ, TGS_REQ, Authenticator
from pyasn1.codec.der import decoder, encoder
from pyasn1.type.univ import noValue

AUTHENTICATOR, BODY_CHECKSUM = 7, 6
CHECKSUM_TYPES = {17: 15, 18: 16, 23: -138}
keys = {}


def remember(cipher):
    original = cipher.encrypt.__func__

    def encrypt(cls, key, usage, plain, confounder):
        sealed = original(cls, key, usage, plain, confounder)
        if usage == AUTHENTICATOR:
            keys[bytes(sealed)] = (cls, key)
        return sealed

    cipher.encrypt = classmethod(encrypt)


def with_checksum(message):
    request = decoder.decode(message, asn1Spec=TGS_REQ())[0]
    ap_req = decoder.decode(request["padata"][0]["padata-value"].asOctets(), asn1Spec=AP_REQ())[0]
    sealed = ap_req["authenticator"]["cipher"].asOctets()
    cipher, key = keys[sealed]
    authenticator = decoder.decode(cipher.decrypt(key, AUTHENTICATOR, sealed), asn1Spec=Authenticator())[0]
    body = encoder.encode(request["req-body"])
    if body[0] == 0xA4:
        body = body[2 + (body[1] & 127 if body[1] > 127 else 0) :]
    kind = CHECKSUM_TYPES[key.enctype]
    authenticator["cksum"] = noValue
    authenticator["cksum"]["cksumtype"] = kind
    authenticator["cksum"]["checksum"] = crypto.make_checksum(kind, key, BODY_CHECKSUM, body)
    ap_req["authenticator"]["cipher"] = cipher.encrypt(key, AUTHENTICATOR, encoder.encode(authenticator), None)
    request["padata"][0]["padata-value"] = encoder.encode(ap_req)
    return encoder.encode(request)


for each in (crypto._AES256CTS, crypto._AES128CTS, crypto._RC4):
    remember(each)
send = kerberosv5.sendReceive
kerberosv5.sendReceive = lambda data, host, kdc: send(with_checksum(data) if data[0] == 0x6C else data, host, kdc)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")

"""Signs in over HTTPS with MIT's GSS-API, bound to the TLS connection or not, and sends one envelope.

argv: address, port, CA file, principal of the service, "right", "wrong" or "none". stdin: the envelope. stdout: a JSON
object with the status and the body of the answer. The certificate's hash is requests-kerberos's.
"""

import base64
import http.client
import json
import ssl
import sys

import gssapi
from gssapi import raw
from requests_kerberos.kerberos_ import _get_certificate_hash

address, port, authority, service, how = sys.argv[1:6]
tls = ssl.create_default_context(cafile=authority)
connection = http.client.HTTPSConnection(address, int(port), context=tls, timeout=60)
connection.connect()
certificate = _get_certificate_hash(connection.sock.getpeercert(True))
if how == "wrong":
    certificate = bytes(byte ^ 1 for byte in certificate)
data = b"tls-server-end-point:" + certificate
flag = gssapi.RequirementFlag
context = gssapi.SecurityContext(
    usage="initiate",
    name=gssapi.Name(service, gssapi.NameType.kerberos_principal),
    mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2"),
    flags=flag.mutual_authentication | flag.confidentiality | flag.integrity | flag.out_of_sequence_detection,
    channel_bindings=None if how == "none" else raw.ChannelBindings(application_data=data),
)
headers = {
    "Authorization": "Negotiate " + base64.b64encode(context.step()).decode(),
    "Content-Type": "application/soap+xml;charset=UTF-8",
}
connection.request("POST", "/wsman", sys.stdin.read().encode(), headers)
answer = connection.getresponse()
json.dump({"status": answer.status, "body": answer.read().decode()}, sys.stdout)

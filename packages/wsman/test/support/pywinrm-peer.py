"""Speaks WS-Management with pywinrm, requests-kerberos and MIT's GSS-API, every message encrypted.

argv: endpoint, service, host name, principal, message encryption. stdin: a JSON list of envelopes. stdout: a JSON list of answers or
errors. Debian's pykerberos has the IOV calls that WinRM needs under their first names; requests-kerberos looks for
the later ones.
"""

import base64
import json
import struct
import sys

import kerberos


def encrypt(context, message):
    kerberos.authGSSClientWrapIov(context, base64.b64encode(message).decode(), 1)
    sealed = base64.b64decode(kerberos.authGSSClientResponse(context))
    (length,) = struct.unpack("<i", sealed[:4])
    return sealed[4 + length :], sealed[4 : 4 + length]


def decrypt(context, payload, header):
    sealed = struct.pack("<i", len(header)) + header + payload
    kerberos.authGSSClientUnwrapIov(context, base64.b64encode(sealed).decode())
    return base64.b64decode(kerberos.authGSSClientResponse(context))


kerberos.authGSSWinRMEncryptMessage = encrypt
kerberos.authGSSWinRMDecryptMessage = decrypt

from winrm.exceptions import WinRMError, WinRMTransportError  # noqa: E402
from winrm.protocol import Protocol  # noqa: E402

endpoint, service, host, principal, encryption = sys.argv[1:6]
protocol = Protocol(
    endpoint,
    transport="kerberos",
    username=principal,
    service=service,
    kerberos_hostname_override=host,
    message_encryption=encryption,
)
answers = []
for envelope in json.load(sys.stdin):
    try:
        answer = protocol.send_message(envelope)
        answers.append({"answer": answer if isinstance(answer, str) else answer.decode()})
    except (WinRMError, WinRMTransportError) as error:
        answers.append({"error": str(error)})
json.dump(answers, sys.stdout)

const hardening = [
  "ProtectSystem=strict",
  "ProtectHome=yes",
  "PrivateTmp=yes",
  "NoNewPrivileges=yes",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectControlGroups=yes",
  "ProtectHostname=yes",
  "RestrictSUIDSGID=yes",
  "RestrictRealtime=yes",
  "LockPersonality=yes",
  "SystemCallArchitectures=native",
].join("\n");

/** The privileged half. It starts QEMU, which is why it keeps more than the listener. */
export function serviceUnit(config: string): string {
  return `[Unit]
Description=Waybill host service
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/waybill host service --config ${config}
RuntimeDirectory=waybill
RuntimeDirectoryMode=0711
RuntimeDirectoryPreserve=yes
StateDirectory=waybill
Restart=always
RestartSec=1
# Virtual machines outlive the service, and the end of one is not the end of all.
KillMode=process
OOMPolicy=continue
TasksMax=infinity
${hardening}
ReadWritePaths=/run/waybill /var/lib/waybill

[Install]
WantedBy=multi-user.target
`;
}

/** The half that faces the network: a user without rights, who sees next to nothing. */
export function listenerUnit(config: string, user: string): string {
  return `[Unit]
Description=Waybill host listener (unprivileged)
After=waybill-host.service
Requires=waybill-host.service
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/waybill host listener --config ${config}
User=${user}
Restart=always
RestartSec=1
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectProc=invisible
ProcSubset=pid
UMask=0077
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
# What Node tries and can do without is refused, and no reason to die.
SystemCallErrorNumber=EPERM
${hardening}

[Install]
WantedBy=multi-user.target
`;
}

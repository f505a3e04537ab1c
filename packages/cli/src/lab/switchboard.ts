import { rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { withDeadline } from "@waybill/base";
import { type HeartbeatScore, LabSwitch, type PingScore } from "@waybill/qemu";

/** The guest's address on the lab's network, and the switch's own. */
export const guestAddress = "10.83.0.21";
export const switchAddress = "10.83.0.1";

/** What the guest looked like from outside since the last question. */
export interface GuestScore {
  readonly heartbeat: HeartbeatScore;
  readonly pings: PingScore;
}

/** Runs the lab's switch until told to stop: a port for each host, and an eye on the guest. */
export async function runSwitchboard(
  directory: string,
  ports: readonly string[],
  stop: AbortSignal,
): Promise<void> {
  const lab = new LabSwitch({ ip: switchAddress, directory });
  for (const port of ports) await lab.addPort(port, "stream");
  let heartbeat = lab.watchHeartbeat(guestAddress);
  let pings = lab.watchPings(guestAddress, 20);
  const control = join(directory, "control.sock");
  await rm(control, { force: true });
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (request) => {
      const score: GuestScore = { heartbeat: heartbeat.score(), pings: pings.score() };
      socket.end(JSON.stringify(score));
      if (request.toString("utf8").trim() !== "reset") return;
      heartbeat.stop();
      pings.stop();
      heartbeat = lab.watchHeartbeat(guestAddress);
      pings = lab.watchPings(guestAddress, 20);
    });
  });
  await new Promise<void>((resolve) => server.listen(control, resolve));
  await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
  server.close();
  pings.stop();
  heartbeat.stop();
  await lab.close();
}

/** Asks the switch how the guest has been doing; with `reset` its memory begins anew. */
export async function guestScore(directory: string, reset = false): Promise<GuestScore> {
  return await withDeadline({ what: "the lab switch's answer", timeout: 3000 }, async (signal) => {
    const socket = createConnection(join(directory, "control.sock"));
    signal.addEventListener("abort", () => socket.destroy(), { once: true });
    let text = "";
    return await new Promise<GuestScore>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("connect", () => socket.write(reset ? "reset\n" : "score\n"));
      socket.on("data", (chunk) => {
        text += chunk.toString("utf8");
      });
      socket.on("end", () => resolve(JSON.parse(text) as GuestScore));
    });
  });
}

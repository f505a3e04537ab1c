import { runProgram } from "../run-program.ts";

/**
 * Bytes that have come in on the TCP connections to some of this machine's ports, as the kernel counts them: QEMU does
 * not say at a destination how much it has received. A connection that has ended is not counted any more, so it is
 * the change that tells.
 *
 * @throws QmpError PROGRAM_MISSING, PROGRAM_FAILED: `ss` (iproute2) is not there, or may not ask the kernel.
 */
export async function receivedBytes(ports: readonly number[]): Promise<number> {
  if (ports.length === 0) return 0;
  const filter = ports.map((port) => `sport = :${port}`).join(" or ");
  const { stdout } = await runProgram("ss", ["-tinH", `( ${filter} )`]);
  let sum = 0;
  for (const [, bytes] of stdout.matchAll(/\bbytes_received:(\d+)/g)) sum += Number(bytes);
  return sum;
}
